"""What the literature holds against an order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop import Order
from normdrop.values.order import Role

A = "noise-before-norm"
B = "noise-before-weight-and-norm"
POOL = "noise-before-max-pool"
TWICE = "noise-twice"

# The ten orders of the well-known table, and what each is up against: (kind, across the seam).
TEN_ORDERS = {
    "conv-drop-bn-act-pool": [(A, False)],
    "conv-bn-act-drop-pool": [(B, True), (POOL, False)],
    "conv-bn-act-pool-drop": [(B, True)],
    "conv-act-drop-bn-pool": [(A, False)],
    "conv-drop-act-pool-bn": [(A, False), (POOL, False)],
    "conv-drop-act-bn-pool": [(A, False)],
    "conv-act-bn-pool-drop": [(B, True)],
    "conv-act-drop-pool-bn": [(A, False), (POOL, False)],
    "conv-bn-drop-act-pool": [(B, True), (POOL, False)],
    "conv-act-bn-drop-pool": [(B, True), (POOL, False)],
}


@pytest.mark.parametrize("order", TEN_ORDERS)
def test_the_ten_orders(order: str) -> None:
    """Each of the ten orders is held to what reaches its norms and its pooling."""
    found = [(risk.kind, risk.across_seam) for risk in Order(order).risks]
    assert sorted(found) == sorted(TEN_ORDERS[order])


@pytest.mark.parametrize(
    "order",
    [
        "conv-bn-act-pool",
        "conv-bn-act-pool-uniform",
        "uniform(0.1)-bn",
        "uniform(0.24)-conv-bn",
        "drop(0)-bn",
        "conv-gn-act-drop(0.5)",
        "drop(0.5)-ln-conv-bn-act",
        "drop-pool(avg)-linear",
        "conv-drop-conv-pool",
        "conv-act-drop",
    ],
)
def test_orders_without_risk(order: str) -> None:
    """Harmless noise, norms without statistics, and linear pooling are no risk."""
    assert Order(order).risks == ()


@pytest.mark.parametrize(
    ("order", "shift"),
    [
        ("drop(0.5)-bn", 0.5),
        ("drop(1)-bn", 0.0),
        ("gaussian(0.2)-bn", 0.8),
        ("uniform(0.5)-bn", 3 / 3.25),
        ("drop-bn", None),
        ("drop(0.5)-act-bn", None),
        ("drop(0.5)-conv-bn", None),
    ],
)
def test_shift_is_stated_where_the_order_determines_it(order: str, shift: float | None) -> None:
    """Directly before a norm the shift is 1 − rate, or 3/(3 + β²); elsewhere it depends on more."""
    (risk,) = Order(order).risks
    assert risk.shift == (None if shift is None else pytest.approx(shift))
    assert risk.tokens == (0, len(Order(order)) - 1)


def test_threshold_of_uniform_dropout() -> None:
    """Uniform dropout is a risk where 3/(3 + β²) falls below 0.98: from β = 0.2474."""
    assert Order("uniform(0.247)-bn").risks == ()
    assert Order("uniform(0.248)-bn").risks != ()


def test_two_dropouts_without_a_norm_between() -> None:
    """Two dropouts in a row are one too many; with a norm between they are judged singly."""
    assert [risk.kind for risk in Order("act-drop-linear-drop").risks] == [TWICE]
    kinds = [risk.kind for risk in Order("drop-conv-bn-act-drop").risks]
    assert TWICE not in kinds


def test_seam_is_the_block_followed_by_itself() -> None:
    """Across the seam the risk names the norm of the next block, inside it this one's."""
    (inside,) = Order("drop-conv-bn").risks
    (across,) = Order("conv-bn-drop").risks
    assert (inside.tokens, inside.across_seam) == ((0, 2), False)
    assert (across.tokens, across.across_seam) == ((2, 1), True)
    assert "of the next block" in str(across)
    assert "next block" not in str(inside)


def test_average_pooling_mixes_units() -> None:
    """Through average pooling, as through a weight, correlations count: case (b)."""
    (risk,) = Order("drop-pool(avg)-bn").risks
    assert risk.kind == B
    assert risk.source.endswith("case (b)")


@given(data=st.data())
def test_a_stacked_block_has_the_risks_of_the_seam(
    orders: st.SearchStrategy[str], data: st.DataObject
) -> None:
    """Written out twice, an order shows every risk of its seam as one inside."""
    order = Order(data.draw(orders))
    n = len(order)
    inside = {
        (risk.kind, risk.tokens) for risk in Order(f"{order}-{order}").risks if not risk.across_seam
    }
    for risk in order.risks:
        first, last = risk.tokens
        assert (risk.kind, (first, last + n if risk.across_seam else last)) in inside


@given(data=st.data())
def test_every_risk_has_words_and_a_source(
    orders: st.SearchStrategy[str], data: st.DataObject
) -> None:
    """A risk starts at noise, quotes it, and says who found it."""
    order = Order(data.draw(orders))
    for risk in order.risks:
        cause = order.tokens[risk.tokens[0]]
        assert cause.role is Role.NOISE
        assert str(cause) in risk.words
        assert risk.source in str(risk)
