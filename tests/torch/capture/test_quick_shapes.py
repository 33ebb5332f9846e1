"""Shapes that capture answers by itself are those torch computes."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody gives it
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from normdrop.torch.capture._quick_shapes import RULES, quick_result
from normdrop.torch.capture._table import TABLE, operation_name

SIZES = st.integers(1, 9)


def compare(function: Callable[..., Tensor], *args: object, **kwargs: object) -> bool:
    """Compare the quick result on stand-ins with the real one; False where there is none."""

    def emptied(value: object) -> object:
        if isinstance(value, list):
            return [emptied(each) for each in value]
        return value.to("meta") if isinstance(value, Tensor) else value

    quick = quick_result(
        function,
        operation_name(function),
        tuple(emptied(each) for each in args),
        {key: emptied(each) for key, each in kwargs.items()},
    )
    if quick is None:
        return False
    real = function(*args, **kwargs)
    assert quick.shape == real.shape
    assert quick.dtype == real.dtype
    assert quick.stride() == real.stride()
    assert quick.is_meta
    return True


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=150, deadline=None)
@given(
    size=st.tuples(SIZES, SIZES),
    channels=st.integers(1, 3),
    groups=st.integers(1, 2),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3),
    padding=st.sampled_from([0, 1, 2, "same", "valid", (1, 0)]),
    dilation=st.integers(1, 2),
)
def test_convolutions(  # noqa: PLR0917 - the geometry of a convolution
    size: tuple[int, int],
    channels: int,
    groups: int,
    kernel: tuple[int, int],
    stride: int,
    padding: int | str | tuple[int, int],
    dilation: int,
) -> None:
    """Every geometry that torch accepts gets torch's shape; the others are left to torch."""
    x = torch.zeros(2, channels * groups, *size)
    weight = torch.zeros(2 * groups, channels, *kernel)
    try:
        F.conv2d(x, weight, None, stride, padding, dilation, groups)
        accepted = True
    except RuntimeError:
        accepted = False
    assert compare(F.conv2d, x, weight, None, stride, padding, dilation, groups) is accepted


@settings(max_examples=150, deadline=None)
@given(
    size=st.tuples(SIZES, SIZES),
    kernel=st.integers(1, 4),
    stride=st.sampled_from([None, 1, 2, (2, 1)]),
    padding=st.integers(0, 2),
    function=st.sampled_from([torch.max_pool2d, F.avg_pool2d]),
)
def test_pools(
    size: tuple[int, int],
    kernel: int,
    stride: int | tuple[int, int] | None,
    padding: int,
    function: Callable[..., Tensor],
) -> None:
    """Windows that fit, padding that torch allows."""
    x = torch.zeros(2, 3, *size)
    steps = () if stride is None else (stride,)
    try:
        function(x, kernel, *(steps or (kernel,)), padding)
        accepted = True
    except RuntimeError:
        accepted = False
    assert compare(function, x, kernel, *(steps or (kernel,)), padding) is accepted


IMAGE = torch.zeros(4, 6, 5, 5)
VECTOR = torch.zeros(6)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (F.relu, (IMAGE,)),
        (F.gelu, (IMAGE,)),
        (F.silu, (IMAGE,)),
        (F.softplus, (IMAGE,)),
        (torch.tanh, (IMAGE,)),
        (F.dropout, (IMAGE, 0.5)),
        (F.dropout2d, (IMAGE,)),
        (F.batch_norm, (IMAGE, VECTOR, VECTOR + 1, VECTOR, VECTOR, True)),
        (F.instance_norm, (IMAGE,)),
        (F.layer_norm, (IMAGE, (5, 5))),
        (F.group_norm, (IMAGE, 2)),
        (F.linear, (IMAGE, torch.zeros(3, 5), torch.zeros(3))),
        (F.conv1d, (IMAGE[:, :, 0].clone(), torch.zeros(2, 6, 3))),
        (F.adaptive_avg_pool2d, (IMAGE, (1, None))),
        (F.adaptive_avg_pool2d, (IMAGE, 3)),
        (torch.add, (IMAGE, 2)),
        (torch.add, (IMAGE, IMAGE)),
        (torch.mul, (IMAGE, VECTOR[:, None, None].clone())),
        (torch.mul, (IMAGE, torch.zeros(4, 1, 1, 1))),
        (torch.div, (IMAGE, 3.0)),
        (torch.mean, (IMAGE, (2, 3))),
        (torch.mean, (IMAGE, -1, True)),
        (torch.cat, ([IMAGE, IMAGE[:, :2].clone()], 1)),
        (torch.cat, ([IMAGE, IMAGE], -1)),
    ],
)
def test_other_rules(function: Callable[..., Tensor], args: tuple[object, ...]) -> None:
    """One call of each family has torch's shape, element type and layout."""
    assert compare(function, *args)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (F.dropout, (IMAGE, 0.5, False)),
        (F.dropout, (IMAGE, 1.5)),
        (F.batch_norm, (IMAGE, torch.zeros(5), torch.ones(5), None, None, True)),
        (F.batch_norm, (torch.zeros(1, 6), VECTOR, VECTOR, None, None, True)),
        (F.group_norm, (IMAGE, 4)),
        (F.layer_norm, (IMAGE, (6,))),
        (F.linear, (IMAGE, torch.zeros(3, 6))),
        (F.relu, (IMAGE.mT,)),
        (F.relu, (IMAGE.int(),)),
        (torch.add, (VECTOR, IMAGE)),
        (torch.add, (IMAGE, IMAGE.double())),
        (torch.add, (IMAGE, torch.zeros(7))),
        (torch.mean, (IMAGE, ())),
        (torch.cat, ([IMAGE, VECTOR], 1)),
        (torch.cat, ([IMAGE, IMAGE[:, :, :2].clone()], 1)),
    ],
)
def test_what_is_not_plain_is_left_to_torch(
    function: Callable[..., Tensor], args: tuple[object, ...]
) -> None:
    """Errors, unusual layouts, promotion and broadcasting of the first operand."""
    assert not compare(function, *args)


def test_in_place_calls_return_their_argument() -> None:
    """And count as a write."""
    x = torch.zeros(2, 3, device="meta")
    for function, args in (
        (F.silu, (x, True)),
        (torch.Tensor.mul_, (x, 2)),
        (F.hardswish, (x, True)),
    ):
        before = x._version  # noqa: SLF001 - counts writes
        assert quick_result(function, operation_name(function), args, {}) is x
        assert x._version > before  # noqa: SLF001 - same


def test_every_rule_has_an_entry() -> None:
    """A rule reads its arguments by the names of the table."""
    assert all(name in TABLE or f"F.{name}" in TABLE for name in RULES)
