"""The shift at every norm, measured: none where a block is right by construction.

Where noise does reach a norm, the mean over random weights is compared with the closed form of
Kim et al. (UAI 2023). With `SEEDS` networks each, a comparison fails by chance with probability
below 0.002 (four standard errors, Student's t with 11 degrees of freedom); seeds are fixed.
"""

import math
import statistics
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from normdrop.torch import Block, Head, ResidualBlock, UniformDropout

SEEDS = 12
WIDTH = 128

Shifts = Callable[[nn.Module, Tensor], dict[str, float]]


def he_normal(model: nn.Module) -> None:
    """Give every linear layer zero-mean normal weights of variance 2/inputs, as the theory does."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=math.sqrt(2 / module.in_features))


def mean_shifts(build: Callable[[], nn.Module], shifts: Shifts) -> dict[str, tuple[float, float]]:
    """Mean and standard error over networks of the shift at each norm, by its path."""
    rows = []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        model = build()
        he_normal(model)
        rows.append(shifts(model, torch.randn(1000, WIDTH)))
    return {
        path: (
            statistics.mean(row[path] for row in rows),
            statistics.stdev(row[path] for row in rows) / math.sqrt(SEEDS),
        )
        for path in rows[0]
    }


def assert_agrees(measured: tuple[float, float], expected: float) -> None:
    """The mean lies within four standard errors of the closed form, and within 0.02 of it."""
    mean, error = measured
    assert abs(mean - expected) < min(4 * error + 1e-4, 0.02), (mean, error, expected)


def after_relu(factor: float) -> float:
    """The shift at a norm after ReLU, noise of this second-moment factor and a weight."""
    return (math.pi - 1) / (math.pi * factor - 1)


def pair(dropout: float | nn.Module, position: Any) -> nn.Module:  # noqa: ANN401 - a literal
    """A residual block with dropout and one without, on vectors."""
    return nn.Sequential(
        ResidualBlock(WIDTH, dimensions=0, dropout=dropout, position=position),
        ResidualBlock(WIDTH, dimensions=0),
    )


@pytest.mark.parametrize(
    ("dropout", "position", "expected"),
    [
        (0.5, "P2", 0.4054),
        (0.5, "P3", 0.4054),
        (0.5, "P4", 0.4054),
        (0.2, "P3", 0.7317),
        (UniformDropout(0.5), "P3", after_relu(1 + 0.25 / 3)),
    ],
)
def test_positions_before_the_last_norm_shift_it(
    dropout: float | nn.Module, position: str, expected: float, shifts: Shifts
) -> None:
    """P2 to P4 shift the branch's last norm by (π−1)/(π/keep−1), and the first not at all."""
    measured = mean_shifts(lambda: pair(dropout, position), shifts)
    assert measured["0.branch.bn"][0] == pytest.approx(1, abs=1e-5)
    assert_agrees(measured["0.branch.bn2"], expected)


@pytest.mark.parametrize("position", ["P0", "P1"])
def test_positions_before_the_first_norm_shift_it(position: str, shifts: Shifts) -> None:
    """P0 and P1 meet inputs of mean zero, so they shift the first norm by the keep probability."""
    measured = mean_shifts(lambda: pair(0.5, position), shifts)
    assert_agrees(measured["0.branch.bn"], 0.5)
    assert measured["0.branch.bn2"][0] < 0.5


@pytest.mark.parametrize("position", ["P5", "P6", "P7"])
def test_positions_after_the_last_norm_shift_only_the_next_block(
    position: str, shifts: Shifts
) -> None:
    """P5 to P7 leave the block's norms alone; the next block's sees the residual formula.

    With a trunk of variance 1 and one branch of unit scale it is
    (1 + (π−1)/π) / (1 + (π/keep−1)/π), 0.6271 at keep 0.5.
    """
    measured = mean_shifts(lambda: pair(0.5, position), shifts)
    assert measured["0.branch.bn"][0] == pytest.approx(1, abs=1e-5)
    assert measured["0.branch.bn2"][0] == pytest.approx(1, abs=1e-5)
    expected = (1 + (math.pi - 1) / math.pi) / (1 + (2 * math.pi - 1) / math.pi)
    assert_agrees(measured["1.branch.bn"], expected)


@pytest.mark.parametrize("style", ["pre", "post"])
@pytest.mark.parametrize("bottleneck", [False, True])
def test_default_position_leaves_every_norm_of_the_block_alone(
    style: Any,  # noqa: ANN401 - a literal
    bottleneck: bool,  # noqa: FBT001 - parametrized
    shifts: Shifts,
) -> None:
    """By default no norm of any kind of block sees the dropout; at P4 the last one does."""
    x = torch.randn(64, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    keywords: dict[str, Any] = {"style": style, "bottleneck": bottleneck, "stride": 2}
    right = shifts(ResidualBlock(16, 32, dropout=0.5, **keywords), x)
    assert right == pytest.approx(dict.fromkeys(right, 1.0), abs=1e-5)
    wrong = shifts(ResidualBlock(16, 32, dropout=0.5, position="P4", **keywords), x)
    last = "branch.bn3" if bottleneck else "branch.bn2"
    assert wrong.pop(last) < 0.8
    assert wrong == pytest.approx(dict.fromkeys(wrong, 1.0), abs=1e-5)


def test_recommended_network_has_no_shift(shifts: Shifts) -> None:
    """Stacked `conv-bn-act-pool` blocks under a head with dropout 0.5: shift 1 at every norm.

    No noise precedes a norm, so this is exact up to rounding. The same network with dropout in its
    blocks is shifted at every norm but the first.
    """
    x = torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def network(order: str) -> nn.Module:
        torch.manual_seed(1)
        head = Head(64, 10, dropout=0.5)
        return nn.Sequential(Block(order, 3, 16), Block(order, 16, 32), Block(order, 32, 64), head)

    right = shifts(network("conv-bn-act-pool"), x)
    assert len(right) == 3
    assert right == pytest.approx(dict.fromkeys(right, 1.0), abs=1e-5)
    first, *later = shifts(network("conv-bn-act-pool-drop(0.5)"), x).values()
    assert first == pytest.approx(1, abs=1e-5)
    assert max(later) < 0.95


@pytest.mark.parametrize(
    ("position", "shifted"),
    [("H1", True), ("H2", True), ("H3", False), ("H4", False), ("H5", False), ("H6", False)],
)
def test_head_positions_after_the_norm_leave_it_alone(
    position: Any,  # noqa: ANN401 - a literal
    shifted: bool,  # noqa: FBT001 - parametrized
    shifts: Shifts,
) -> None:
    """In a head, H1 and H2 reach its norm; from H3 on nothing does."""
    torch.manual_seed(1)
    head = Head(16, 10, hidden=32, norm=True, activation="relu", dropout=0.5, position=position)
    x = torch.randn(64, 16, 8, 8, generator=torch.Generator().manual_seed(0)).relu()
    (shift,) = shifts(head, x).values()
    assert shift < 0.9 if shifted else shift == pytest.approx(1, abs=1e-5)


def test_dropout_before_the_pooling_is_the_steadier() -> None:
    """Before the pooling dropout changes the second moment of pooled features less (Kim et al.).

    For independent ReLU outputs of unit scale, E[x²] = 1/2 and E[x] = 1/√(2π), the mean over A
    positions has the second moment E[x²]f/A + E[x]²(A−1)/A before it and f times that of the
    clean mean after it, f = 1/keep. Over 16384 means the standard error is below 0.02.
    """
    torch.manual_seed(1)
    x = torch.randn(256, 64, 7, 7).relu()
    ratios = {}
    for position in ("H4", "H5"):
        features = Head(64, 10, dropout=0.5, position=position)[:-1]
        train = features.train()(x).square().mean()
        ratios[position] = (train / features.eval()(x).square().mean()).item()
    clean, noisy = (factor / 2 / 49 + 48 / 49 / (2 * math.pi) for factor in (1, 2))
    assert ratios["H4"] == pytest.approx(noisy / clean, abs=0.08)
    assert ratios["H5"] == pytest.approx(2, abs=0.08)
