"""Channel counts and biases by position."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop import Order
from normdrop.values.order import Role


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("conv-bn", (3, 64, 64)),
        ("bn-conv", (3, 3, 64)),
        ("bn-conv-bn-act-conv", (3, 3, 64, 64, 64, 64)),
        ("bn-act", (3, 3, 3)),
    ],
)
def test_channels_change_at_the_first_weight(order: str, expected: tuple[int, ...]) -> None:
    """A norm before the weight has the input's channels, one after it the output's."""
    assert Order(order).channels(3, 64) == expected


def test_channels_may_differ_by_weight() -> None:
    """Each weight of a bottleneck hands on its own number of channels."""
    assert Order("conv-conv-bn-conv").channels(8, [2, 4, 6]) == (8, 2, 4, 4, 6)


@pytest.mark.parametrize(
    ("order", "biases"),
    [
        ("conv-bn", (False,)),
        ("bn-conv", (True,)),
        ("conv-pool-bn", (False,)),
        ("conv-pool(max)-bn", (False,)),
        ("conv-pool(avg)-bn", (False,)),
        ("conv-pool(avg)-pool-bn", (False,)),
        ("conv-act-bn", (True,)),
        ("conv-drop-bn", (True,)),
        ("conv-drop(0)-bn", (True,)),
        ("conv-uniform-bn", (True,)),
        ("conv-gn", (True,)),
        ("conv-ln", (True,)),
        ("conv-gn-bn", (True,)),
        ("conv-bn-bn", (False,)),
        ("conv-conv-bn", (True, False)),
        ("linear-bn-act-linear", (False, True)),
        ("act-pool", ()),
    ],
)
def test_bias_is_left_out_exactly_where_a_batch_norm_cancels_it(
    order: str, biases: tuple[bool, ...]
) -> None:
    """Only a batch norm cancels a bias, directly or through pooling."""
    assert Order(order).biases() == biases


def test_padded_average_pooling_keeps_the_bias() -> None:
    """Average pooling that counts padded zeros does not hand a constant on; max pooling does."""
    assert Order("conv-pool(avg)-bn").biases(padded_pool=True) == (True,)
    assert Order("conv-pool(max)-bn").biases(padded_pool=True) == (False,)


@given(data=st.data())
def test_facts_have_one_entry_for_each_place(
    orders: st.SearchStrategy[str], data: st.DataObject
) -> None:
    """Channels have one entry more than the order, biases one for each weight."""
    order = Order(data.draw(orders))
    assert len(order.channels(3, 5)) == len(order) + 1
    assert len(order.biases()) == sum(token.role is Role.WEIGHT for token in order)
