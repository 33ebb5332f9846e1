"""Orders as values: what parses, what it prints, and what a wrong string is told."""

import pickle
import re
import string
from copy import deepcopy
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop import Order
from normdrop.errors import OrderError
from normdrop.values.order import KINDS, Token


@given(data=st.data())
def test_round_trips(orders: st.SearchStrategy[str], data: st.DataObject) -> None:
    """`str`, `repr`, pickle and copy give back an equal order with an equal hash."""
    order = Order(data.draw(orders))
    for twin in (
        Order(str(order)),
        eval(repr(order), {"Order": Order}),  # noqa: S307 - the property under test
        pickle.loads(pickle.dumps(order)),  # noqa: S301 - our own bytes
        deepcopy(order),
    ):
        assert twin == order
        assert hash(twin) == hash(order)
        assert twin.tokens == order.tokens
        assert str(twin) == str(order)


@given(data=st.data())
def test_every_token_is_kept(orders: st.SearchStrategy[str], data: st.DataObject) -> None:
    """Tokens come out as many and in the order they went in, repeated ones included."""
    text = data.draw(orders)
    names = [re.match("[a-z]+", piece) for piece in re.sub(r"\([^)]*\)", "", text).split("-")]
    assert [name.group() for name in names if name] == [token.name for token in Order(text)]
    assert len(Order(text)) == len(names)


@given(data=st.data())
def test_spaces_around_tokens_do_not_count(
    orders: st.SearchStrategy[str], data: st.DataObject
) -> None:
    """Spaces around tokens and arguments leave the order what it is."""
    order = Order(data.draw(orders))
    spaced = " - ".join(str(token).replace("(", " ( ").replace(")", " )") for token in order)
    assert Order(f" {spaced} ") == order


def test_tokens_carry_arguments() -> None:
    """Arguments are read as the numbers and names they are."""
    assert Order("conv-drop(0.30)-act(elu)-gn(8)-pool(avg)-uniform(1e-1)").tokens == (
        Token("conv"),
        Token("drop", 0.3),
        Token("act", "elu"),
        Token("gn", 8),
        Token("pool", "avg"),
        Token("uniform", 0.1),
    )


def test_order_is_immutable() -> None:
    """An order cannot be changed, so it can be shared and used as a key."""
    order = Order("conv-bn")
    with pytest.raises(FrozenInstanceError):
        order.text = "bn-conv"  # type: ignore[misc]
    assert {order: 1}[Order("conv-bn")] == 1
    assert order != Order("bn-conv")


def test_equal_means_equal_text_in_canonical_form() -> None:
    """Numbers written differently are the same order; `pool` and `pool(max)` stay as written."""
    assert Order("drop(0.50)") == Order("drop(.5)")
    assert str(Order("drop(1.0)-drop(0)-drop(1e-05)")) == "drop(1)-drop(0)-drop(1e-05)"
    assert Order("pool") != Order("pool(max)")


@pytest.mark.parametrize(
    ("wrong", "token", "column", "proposal"),
    [
        ("conv-bnn-act", "bnn", 6, "bn"),
        ("conv-BN", "BN", 6, "bn"),
        ("conv-BatchNorm2d-relu", "BatchNorm2d", 6, "bn"),
        ("conv - dropout(0.3)", "dropout(0.3)", 8, "drop(0.3)"),
        ("dorp(0.3)", "dorp(0.3)", 1, "drop(0.3)"),
        ("conv-bn-relu", "relu", 9, "act(relu)"),
        ("conv-maxpool", "maxpool", 6, "pool(max)"),
        ("dense-bn", "dense", 1, "linear"),
        ("conv-drop(1.5)-bn", "drop(1.5)", 6, "drop(1)"),
        ("conv-drop(-1)-bn", "drop(-1)", 6, "drop(0)"),
        ("drop(30%)", "drop(30%)", 1, "drop(0.3)"),
        ("drop(nan)", "drop(nan)", 1, "drop"),
        ("drop()", "drop()", 1, "drop"),
        ("gaussian(1)", "gaussian(1)", 1, "gaussian"),
        ("uniform(inf)", "uniform(inf)", 1, "uniform"),
        ("uniform(-0.5)", "uniform(-0.5)", 1, "uniform(0)"),
        ("conv-gn(0)", "gn(0)", 6, "gn(1)"),
        ("conv-gn(2.2)", "gn(2.2)", 6, "gn(2)"),
        ("conv-bn(8)", "bn(8)", 6, "bn"),
        ("act(Leaky ReLU)", "act(Leaky ReLU)", 1, "act(leaky_relu)"),
        ("act(swish)", "act(swish)", 1, "act(silu)"),
        ("pool(mean)", "pool(mean)", 1, "pool(avg)"),
        ("conv-drop(0.3-bn", "drop(0.3", 6, "drop(0.3)"),
        ("conv-drop0.3)-bn", "drop0.3)", 6, "drop"),
    ],
)
def test_wrong_token_is_quoted_and_the_nearest_proposed(
    wrong: str, token: str, column: int, proposal: str
) -> None:
    """The message quotes the wrong token, its column, and what was probably meant."""
    with pytest.raises(OrderError) as caught:
        Order(wrong)
    message = str(caught.value)
    assert f"{token!r} at column {column} " in message
    assert message.endswith(f"did you mean {proposal!r}?")
    assert "\n" not in message
    assert Order(proposal)


@pytest.mark.parametrize(
    ("wrong", "column"), [("", 1), ("conv--bn", 6), ("conv-", 6), ("-conv", 1), ("NADA", 1)]
)
def test_what_resembles_no_token_gets_the_list(wrong: str, column: int) -> None:
    """Where nothing is near, the message lists the tokens; letters are not read as tokens."""
    with pytest.raises(OrderError, match=f"at column {column} is no token; the tokens are act, bn"):
        Order(wrong)


@pytest.mark.parametrize("wrong", [("conv", "bn"), None, 3])
def test_only_a_string_is_an_order(wrong: Any) -> None:  # noqa: ANN401 - anything
    """What is no string is refused in the same way."""
    with pytest.raises(OrderError, match="an order is one string"):
        Order(wrong)


@given(text=st.text(alphabet=string.ascii_lowercase + "-().3 %", max_size=20))
def test_any_text_parses_or_raises_order_error(text: str) -> None:
    """No text gets past the parser with another error, and every proposal is valid."""
    message = ""
    try:
        order = Order(text)
    except OrderError as error:
        message = str(error)
    if message:
        proposal = re.search(r"did you mean '(.*)'\?$", message)
        assert proposal is None or Order(proposal[1])
    else:
        assert Order(str(order)) == order


@given(data=st.data())
def test_one_broken_token_is_found_where_it_is(
    orders: st.SearchStrategy[str], data: st.DataObject
) -> None:
    """A token broken anywhere in a long order is quoted with its own column."""
    pieces = str(Order(data.draw(orders))).split("-")
    before = "-".join(pieces)
    with pytest.raises(OrderError, match=f"'bnn' at column {len(before) + 2} .*'bn'"):
        Order(f"{before}-bnn-{before}")


def test_every_kind_has_a_summary() -> None:
    """Each token is described, for the table of tokens."""
    assert all(kind.summary and kind.name == name for name, kind in KINDS.items())
