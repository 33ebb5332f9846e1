"""Brute force: a weight has a bias exactly where one makes a difference."""

import random
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from normdrop.torch import Block

TOKENS = (
    *("conv", "conv", "bn", "bn", "gn(2)", "ln", "act", "act(elu)", "act(tanh)"),
    *("drop(0.4)", "uniform(0.5)", "gaussian(0.3)", "pool", "pool(avg)"),
)


def orders(count: int) -> Iterator[str]:
    """Random orders with at least one convolution and at most two poolings.

    Convolutions are padded with zeros, without which one after the other would hand a constant on
    as another constant; two poolings leave 8 of 32 positions, enough for the padding to show.
    """
    source = random.Random(20)  # noqa: S311 - tests, not secrets
    while count:
        tokens = source.choices(TOKENS, k=source.randint(2, 7))
        pools = sum(token.startswith("pool") for token in tokens)
        if "conv" in tokens and pools <= 2:
            count -= 1
            yield "-".join(tokens)


def changes(block: Block, weight: str, x: Tensor) -> bool:
    """Whether a constant added to each channel after the weight changes the block's output."""
    torch.manual_seed(1)
    before = block(x).detach()
    bias = block.get_submodule(weight).bias
    assert isinstance(bias, Tensor)
    with torch.no_grad():
        kept = bias.clone()
        bias += torch.tensor([0.3, 0.7, -0.4, 1.1], dtype=torch.float64)
        torch.manual_seed(1)
        after = block(x)
        bias.copy_(kept)
    difference = float((after.detach() - before).abs().max())
    # Rounding in float64 is far below, every real change far above.
    assert difference < 1e-11 or difference > 1e-6, (str(block), weight, difference)
    return difference > 1e-6


def weights(block: Block) -> list[str]:
    """The names of the block's weights."""
    return [n for n, m in block.named_children() if n.startswith(("conv", "linear"))]


def test_bias_is_there_iff_it_changes_the_output() -> None:
    """In train mode, noise on, the output of 250 random orders depends on a bias iff it is kept."""
    for order in orders(250):
        torch.manual_seed(0)
        block = Block(order, 4, 4, dimensions=1, bias=True, dtype=torch.float64).train()
        x = torch.randn(6, 4, 32, dtype=torch.float64)
        found = tuple(changes(block, name, x) for name in weights(block))
        assert found == block.order.biases(), order


@pytest.mark.parametrize(
    ("order", "dimensions"),
    [("linear-bn", 0), ("linear-drop(0.5)-bn", 0), ("conv-bn", 2), ("conv-pool(avg)-bn", 3)],
)
def test_other_dimensions(order: str, dimensions: int) -> None:
    """The same holds for vectors, images and volumes."""
    block = Block(order, 4, 4, dimensions=dimensions, bias=True, dtype=torch.float64)
    torch.manual_seed(0)
    x = torch.randn(6, 4, *[8] * dimensions, dtype=torch.float64)
    assert tuple(changes(block, name, x) for name in weights(block)) == block.order.biases()


@pytest.mark.parametrize("pool", ["max", "avg"])
def test_padded_pooling(pool: str) -> None:
    """Padded average pooling keeps the bias, padded max pooling does not."""
    block = Block(
        f"conv-pool({pool})-bn",
        4,
        bias=True,
        pool_kernel_size=3,
        pool_stride=2,
        pool_padding=1,
        dtype=torch.float64,
    )
    torch.manual_seed(0)
    x = torch.randn(6, 4, 8, 8, dtype=torch.float64)
    assert changes(block, "conv", x) is (pool == "avg")
    twin = Block(f"conv-pool({pool})-bn", 4, pool_padding=1)
    assert ("conv.bias" in twin.state_dict()) is (pool == "avg")


def test_dropout_turns_a_constant_into_noise() -> None:
    """With dropout off a batch norm cancels the constant before it; with dropout on it does not.

    So a bias before dropout matters in training although evaluation alone would not show it.
    """
    block = Block("conv-drop(0.5)-bn", 4, dtype=torch.float64).train()
    torch.manual_seed(0)
    x = torch.randn(6, 4, 8, 8, dtype=torch.float64)
    assert changes(block, "conv", x)
    drop = block.get_submodule("drop")
    assert isinstance(drop, nn.Module)
    drop.eval()
    assert not changes(block, "conv", x)
