"""The lab's max pooling is torch's bit for bit, in value and gradient, whatever it is handed."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from normdrop.lab import networks
from normdrop.lab.pooling import MaxPool2d

NAN, INF = float("nan"), float("inf")


def images(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Random images (N, C, H, W) with their channels last, with many equal units."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(-3, 4, shape, generator=generator).to(dtype) / 2
    return drawn.contiguous(memory_format=torch.channels_last)


def odd_numbers() -> Tensor:
    """Every arrangement of what compares oddly in a window, one window for each channel."""
    odd = torch.tensor([0.0, -0.0, 1.0, -INF, INF, NAN])
    windows = torch.cartesian_prod(odd, odd, odd, odd)
    return windows.t().reshape(1, 2, 2, -1).permute(0, 3, 1, 2)


INPUTS = {
    "even sides": images(3, 32, 6, 8),
    "odd sides": images(3, 5, 7, 9),
    "one window": images(2, 3, 2, 2),
    "one image": images(1, 3, 4, 4),
    "one channel": images(3, 1, 4, 6),
    "channels first": images(2, 3, 4, 4).contiguous(),
    "with gaps": images(2, 6, 4, 4)[:, ::2],
    "without a batch": images(1, 3, 4, 4)[0],
    "no images": images(0, 3, 4, 4),
    "double": images(2, 3, 4, 4, dtype=torch.float64),
    "what compares oddly": odd_numbers(),
}


def bits(x: Tensor) -> Tensor:
    """The memory of a tensor as whole numbers, every NaN as the same."""
    whole = {8: torch.int64, 4: torch.int32, 2: torch.int16}[x.element_size()]
    return torch.where(x.isnan(), torch.full_like(x, NAN), x).contiguous().view(whole)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16], ids=["as it is", "bfloat16"])
@pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
def test_value_gradient_and_layout_are_those_of_torch(x: Tensor, dtype: torch.dtype | None) -> None:
    """Also among equal units, zeros of either sign, infinities and what is no number."""
    x = x if dtype is None else x.to(dtype)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    result, expected = MaxPool2d(2)(ours), nn.MaxPool2d(2)(theirs)
    assert torch.equal(bits(result), bits(expected))
    assert result.stride() == expected.stride()
    gradient = torch.linspace(-1, 1, expected.numel(), dtype=x.dtype).reshape(expected.shape)
    gradient.flatten()[::3] = -0.0
    torch.autograd.backward(result, gradient)
    torch.autograd.backward(expected, gradient)
    assert ours.grad is not None
    assert theirs.grad is not None
    assert torch.equal(bits(ours.grad), bits(theirs.grad))
    assert ours.grad.stride() == theirs.grad.stride()


@pytest.mark.parametrize(
    "given",
    [
        {"kernel_size": 3},
        {"kernel_size": 2, "stride": 1},
        {"kernel_size": 2, "padding": 1},
        {"kernel_size": 2, "dilation": 2},
        {"kernel_size": 2, "ceil_mode": True},
        {"kernel_size": (2, 1)},
        {"kernel_size": (2, 2), "stride": (2, 2)},
    ],
    ids=str,
)
def test_other_windows_are_torchs_own(given: dict[str, Any]) -> None:
    """Whatever is not windows of 2×2 beside each other."""
    x = images(2, 3, 7, 7)
    assert torch.equal(MaxPool2d(**given)(x), nn.MaxPool2d(**given)(x))


def test_indices_are_torchs_own() -> None:
    """Asked for, they come back as torch gives them."""
    x = images(2, 3, 4, 4)
    ours, theirs = (kind(2, return_indices=True)(x) for kind in (MaxPool2d, nn.MaxPool2d))
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_too_small_images_are_refused_as_by_torch() -> None:
    """An image without a whole window has no maximum."""
    with pytest.raises(RuntimeError, match="too small"):
        MaxPool2d(2)(images(2, 3, 1, 4))


def test_stacked_networks_pool_as_one_alone() -> None:
    """`torch.vmap` hands over what has no memory of its own."""
    x = torch.stack([images(2, 3, 4, 4, seed=seed) for seed in range(3)])
    expected = torch.stack([nn.MaxPool2d(2)(each) for each in x])
    assert torch.equal(torch.vmap(MaxPool2d(2))(x), expected)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("order", ["conv-bn-act-drop-pool", "conv-drop-act-pool-bn"])
def test_a_network_learns_the_same_as_with_torchs_pooling(
    order: str, precision: torch.dtype
) -> None:
    """Three steps leave the same weights, bit for bit: trials need no new name."""
    weights = []
    for kind in (MaxPool2d, nn.MaxPool2d):
        torch.manual_seed(0)
        network = networks.two_modules(order, (1, 17, 17), 10, padding="valid", momentum=0.1)
        for parent in network:
            if hasattr(parent, "pool"):
                assert isinstance(parent.pool, MaxPool2d)
                parent.pool = kind(2)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
                loss = network(torch.randn(8, 17, 17, 1).permute(0, 3, 1, 2)).square().sum()
            torch.autograd.backward(loss)
            optimizer.step()
        weights.append(torch.cat([weight.flatten() for weight in network.parameters()]).detach())
    assert torch.equal(*weights)
