"""The lab's ELU is torch's, in value and gradient, wherever it takes the fast way and elsewhere."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from normdrop.lab.elu import ELU

SHAPES = {
    "a vector": torch.randn(129, generator=torch.Generator().manual_seed(0)),
    "a batch": torch.randn(7, 33, generator=torch.Generator().manual_seed(1)),
    "planes": torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(2)),
    "channels last": torch.randn(4, 5, 6, 3, generator=torch.Generator().manual_seed(3)).permute(
        0, 3, 1, 2
    ),
    "with gaps": torch.randn(8, 9, generator=torch.Generator().manual_seed(4))[:, ::2],
    "turned": torch.randn(5, 4, generator=torch.Generator().manual_seed(5)).t(),
    "nothing": torch.empty(0, 3),
    "double": torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(6)),
    "bfloat16": torch.randn(4, 5, 6, 3, generator=torch.Generator().manual_seed(7)).bfloat16(),
    "half": torch.randn(6, 6, generator=torch.Generator().manual_seed(8)).half(),
}


@pytest.mark.parametrize("x", SHAPES.values(), ids=SHAPES)
def test_value_gradient_and_memory_are_those_of_torch(x: Tensor) -> None:
    """The result lies where the input lay, and a gradient comes back as torch computes it."""
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    copy = ours * 1.0
    result = ELU()(copy)
    expected = functional.elu(theirs * 1.0, inplace=True)
    tolerance = 4e-7 if x.dtype == torch.float32 else 0.0
    torch.testing.assert_close(result, expected, rtol=tolerance, atol=0)
    assert result.data_ptr() == copy.data_ptr()
    assert result.stride() == copy.stride()
    gradient = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).reshape(x.shape)
    torch.autograd.backward(result, gradient)
    torch.autograd.backward(expected, gradient)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=4e-6, atol=1e-7)


def test_extremes() -> None:
    """Nothing overflows on the way, zero keeps its sign, and what is no number stays none."""
    x = torch.tensor([-float("inf"), -1e30, -104.0, -1e-30, -0.0, 0.0, 1e30, float("inf")])
    assert ELU()(x.clone()).tolist() == functional.elu(x).tolist()
    assert torch.signbit(ELU()(x.clone()))[4]
    assert ELU()(torch.tensor([float("nan")])).isnan()


def test_relative_error_over_the_whole_range() -> None:
    """Against float64, from the smallest numbers to where nothing is left of the exponential."""
    x = -torch.logspace(-35, 1.5, 200_001)
    exact = torch.expm1(x.double())
    error = (ELU()(x.clone()).double() - exact).abs() / exact.abs()
    assert error.max() < 4e-7


def test_every_bfloat16_is_torchs() -> None:
    """All 65536 of them, bit for bit: what was trained in bfloat16 needs no new name."""
    x = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    ours, theirs = ELU()(x.clone()), functional.elu(x)
    told = x.isnan()
    assert torch.equal(ours[told].isnan(), theirs[told].isnan())
    assert torch.equal(ours[~told].view(torch.int16), theirs[~told].view(torch.int16))


def test_inference_leaves_no_graph() -> None:
    """Without a gradient to follow the input is overwritten, and that is all."""
    x = torch.tensor([[-1.0, 1.0]])
    with torch.no_grad():
        result = ELU()(x)
    assert result.grad_fn is None
    assert x[0, 0] < 0 < x[0, 1]
    assert torch.equal(result, x)
