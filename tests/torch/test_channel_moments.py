"""Channel moments against torch's general reduction."""

import pytest
import torch

from normdrop.torch.watch._channel_moments import channel_moments


@pytest.mark.parametrize("shape", [(7, 3), (4, 3, 5), (4, 3, 5, 6), (2, 3, 4, 5, 6)])
def test_values_and_gradient(shape: tuple[int, ...]) -> None:
    """Values equal `torch.var_mean` in float64, and gradients pass the finite-difference check."""
    torch.manual_seed(0)
    x = (3 * torch.randn(shape, dtype=torch.float64) + 2).requires_grad_()
    mean, variance = channel_moments(x)
    axes = [axis for axis in range(x.ndim) if axis != 1]
    expected = torch.var_mean(x, axes, correction=0)
    torch.testing.assert_close((variance, mean), expected)
    assert torch.autograd.gradcheck(channel_moments, (x,))


def test_half_precision_is_accumulated_in_single() -> None:
    """Means far from 0 do not overflow in float16."""
    x = torch.full((64, 2, 64), 500.0, dtype=torch.float16)
    mean, variance = channel_moments(x)
    assert mean.tolist() == [500.0, 500.0]
    assert variance.tolist() == [0.0, 0.0]


def test_channels_last_memory() -> None:
    """The order in memory does not matter."""
    x = torch.randn(4, 3, 5, 6).to(memory_format=torch.channels_last)
    expected = channel_moments(x.contiguous())
    torch.testing.assert_close(channel_moments(x), expected)
