"""Noise that third-party modules write by hand, recognised from the calls they make."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody gives it
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from normdrop.shifts.graph import Along, Distribution, Kind, Node
from normdrop.torch.capture import capture
from normdrop.torch.capture._draws import Draw, along_of

KEEP = 0.8


class Drops(nn.Module):
    """A model that multiplies by noise in train mode."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """The function in train mode, nothing in eval mode."""
        return self.function(x) if self.training else x


def noises(function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> tuple[Node, ...]:
    """The noise nodes of a function in train mode; in eval mode there are none."""
    captured = capture(Drops(function), shape)
    assert captured.eval.of_kind(Kind.NOISE) == ()
    return captured.train.of_kind(Kind.NOISE)


def per_sample(x: Tensor) -> tuple[int, ...]:
    """The shape of one value per sample."""
    return (x.shape[0],) + (1,) * (x.ndim - 1)


def bernoulli_mask(x: Tensor) -> Tensor:
    """Stochastic depth by a Bernoulli mask that is scaled in place."""
    mask = x.new_empty(per_sample(x)).bernoulli_(KEEP)
    mask.div_(KEEP)
    return x * mask


def empty_mask(x: Tensor) -> Tensor:
    """The same with an explicit device and dtype."""
    mask = torch.empty(per_sample(x), dtype=x.dtype, device=x.device).bernoulli_(KEEP)
    return mask.div(KEEP) * x


def floored_mask(x: Tensor) -> Tensor:
    """Stochastic depth by rounding a shifted uniform draw down, the input scaled first."""
    mask = KEEP + torch.rand(per_sample(x), dtype=x.dtype, device=x.device)
    mask.floor_()
    return x.div(KEEP) * mask


def floored_unscaled(x: Tensor) -> Tensor:
    """The same without any scaling."""
    return x * torch.floor(torch.rand(per_sample(x)) + KEEP)


def compared_mask(x: Tensor) -> Tensor:
    """Dropout of elements by comparing a uniform draw."""
    return x * (torch.rand_like(x) > 1 - KEEP).float() / KEEP


def compared_below(x: Tensor) -> Tensor:
    """The same from the other side."""
    return x * (torch.rand_like(x) < KEEP) * (1 / KEEP)


def sampled(x: Tensor) -> Tensor:
    """A mask from a tensor of probabilities."""
    return x * torch.bernoulli(torch.full_like(x, KEEP)) / KEEP


def distributed(x: Tensor) -> Tensor:
    """A mask from a distribution object."""
    mask: Tensor = torch.distributions.Bernoulli(KEEP).sample(x.shape)  # type: ignore[no-untyped-call]
    return x * mask / KEEP


def filled(x: Tensor) -> Tensor:
    """Units set to zero where a draw is small."""
    return x.masked_fill(torch.rand_like(x) < 1 - KEEP, 0.0) / KEEP


def chosen(x: Tensor) -> Tensor:
    """Units taken where a draw is large."""
    return torch.where(torch.rand_like(x) < KEEP, x, 0.0) / KEEP


def locked(x: Tensor) -> Tensor:
    """One mask for all steps of a sequence (N, T, C), through the old constructor."""
    mask = x.data.new(x.size(0), 1, x.size(2)).bernoulli_(KEEP).div_(KEEP)
    return mask.expand_as(x) * x


def of_ones(x: Tensor) -> Tensor:
    """A mask made by dropout of ones."""
    return x * F.dropout(torch.ones_like(x[:, :, :1, :1]), 1 - KEEP)


@pytest.mark.parametrize(
    ("function", "shape", "along"),
    [
        (bernoulli_mask, (6, 5, 5), Along.SAMPLE),
        (empty_mask, (6, 5, 5), Along.SAMPLE),
        (floored_mask, (6, 5, 5), Along.SAMPLE),
        (compared_mask, (6, 5), Along.ELEMENT),
        (compared_below, (6, 5), Along.ELEMENT),
        (sampled, (6, 5), Along.ELEMENT),
        (distributed, (6, 5), Along.ELEMENT),
        (filled, (6, 5), Along.ELEMENT),
        (chosen, (6, 5), Along.ELEMENT),
        (locked, (5, 6), Along.CHANNEL),
        (of_ones, (6, 5, 5), Along.CHANNEL),
    ],
)
def test_masks_are_dropout(
    function: Callable[[Tensor], Tensor], shape: tuple[int, ...], along: Along
) -> None:
    """Rate and extent are read; with the scaling around it the mean is kept, as by dropout."""
    (node,) = noises(function, shape)
    assert node.noise is not None
    assert node.noise.distribution is Distribution.BERNOULLI
    assert node.noise.rate == pytest.approx(1 - KEEP)
    assert node.noise.along is along
    assert node.noise.active
    graph = capture(Drops(function), shape).train
    scales = [each.details.constant for each in graph.of_kind(Kind.MULTIPLY)]  # type: ignore[union-attr]
    assert math.prod(scales) * node.noise.mean == pytest.approx(1.0)


def test_unscaled_stochastic_depth_does_not_keep_the_mean() -> None:
    """Its mean is the survival rate, not 1."""
    (node,) = noises(floored_unscaled, (6, 5))
    assert node.noise is not None
    assert node.noise.mean == pytest.approx(KEEP)


@pytest.mark.parametrize(
    ("function", "distribution", "spread"),
    [
        (lambda x: x * (1 + 0.3 * torch.randn_like(x)), Distribution.GAUSSIAN, 0.3),
        (lambda x: x * torch.normal(1.0, 0.3, x.shape), Distribution.GAUSSIAN, 0.3),
        (lambda x: x * torch.empty_like(x).normal_(1, 0.3), Distribution.GAUSSIAN, 0.3),
        (lambda x: x * torch.empty_like(x).uniform_(0.7, 1.3), Distribution.UNIFORM, 0.3),
        (lambda x: x * (1 + 0.3 * (2 * torch.rand_like(x) - 1)), Distribution.UNIFORM, 0.3),
    ],
)
def test_continuous_noise(
    function: Callable[[Tensor], Tensor], distribution: Distribution, spread: float
) -> None:
    """Gaussian and uniform multipliers around 1, with their deviation or half width."""
    (node,) = noises(function, (6,))
    assert node.noise is not None
    assert node.noise.distribution is distribution
    assert node.noise.spread == pytest.approx(spread)
    assert node.noise.scale == pytest.approx(1.0)


def drop_block(x: Tensor) -> Tensor:
    """DropBlock: seeds grow to blocks by max pooling, and the rest is scaled up."""
    seeds = torch.empty_like(x).bernoulli_(0.01)
    mask = 1 - F.max_pool2d(seeds, kernel_size=3, stride=1, padding=1)
    return x * mask * (mask.numel() / mask.sum())


def drop_block_over_channels(x: Tensor) -> Tensor:
    """DropBlock with one mask for all channels, compared with a uniform draw."""
    seeds = (torch.rand(x.shape[0], *x.shape[2:]) < 0.01).float()
    mask = 1 - F.max_pool2d(seeds[:, None], kernel_size=(3, 3), stride=(1, 1), padding=1)
    return x * mask.squeeze(1)[:, None] * mask.numel() / mask.sum()


@pytest.mark.parametrize("function", [drop_block, drop_block_over_channels])
def test_drop_block(function: Callable[[Tensor], Tensor]) -> None:
    """Neighbours drop together; away from borders the rate is 1 - (1 - γ)⁹.

    Against the share of zeros in 400 real draws, at five standard errors of that share, where the
    effective number of draws is taken to be one ninth of the units.
    """
    (node,) = noises(function, (8, 16, 16))
    assert node.noise is not None
    assert node.noise.along is Along.BLOCK
    with torch.random.fork_rng():
        torch.manual_seed(0)
        inner = function(torch.ones(400, 8, 16, 16))[:, :1, 2:-2, 2:-2]
    share = float((inner == 0).float().mean())
    error = 5 * math.sqrt(share * (1 - share) * 9 / inner.numel())
    assert abs(node.noise.rate - share) < error


def test_random_masks_that_are_not_understood_are_noise_of_unknown_rate() -> None:
    """Something random that multiplies is noise, and what is not known of it is nan."""
    (node,) = noises(lambda x: x * torch.rand_like(x).cumsum(0).cos(), (6,))
    assert node.noise is not None
    assert math.isnan(node.noise.rate)
    assert node.noise.active


def test_dropout_of_weights_is_noise() -> None:
    """DropConnect: the noise node lies between the parameter and the linear map."""

    class Connects(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            """A linear map with half of its weights."""
            weight = F.dropout(self.linear.weight, 0.5, self.training)
            return F.linear(x, weight, self.linear.bias)

    captured = capture(Connects(), (6,))
    (noise,) = captured.train.of_kind(Kind.NOISE)
    assert [node.kind for node in captured.train.sources(noise)] == [Kind.PARAMETER]
    assert [node.operation for node in captured.train.consumers(noise)] == ["linear"]
    (linear,) = captured.eval.of_kind(Kind.WEIGHT)
    assert linear.parameters["weight"].path == "linear.weight"


def test_dropout_of_a_computed_weight_is_noise() -> None:
    """Part of a position table is no parameter by itself, but its noise is seen all the same."""

    class Places(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.rand(9, 6))
            self.drop = nn.Dropout(0.5)

        def forward(self, x: Tensor) -> Tensor:
            """Add half of the places."""
            result: Tensor = x + self.drop(self.table[: x.shape[1]])
            return result

    captured = capture(Places(), (5, 6))
    (noise,) = captured.train.of_kind(Kind.NOISE)
    assert noise.layer == "drop"
    assert [node.kind for node in captured.train.sources(noise)] == [Kind.CONSTANT]
    assert [node.operation for node in captured.train.consumers(noise)] == ["add"]
    assert [node.kind for node in captured.eval] == [Kind.INPUT, Kind.CONSTANT, Kind.ADD]


def test_a_fixed_mask_is_no_noise() -> None:
    """Pruning and causal masks are constants."""
    graph = capture(Drops(lambda x: x * torch.ones(6, 6).tril()[0]), (6,)).train
    assert graph.of_kind(Kind.NOISE) == ()
    (constant,) = graph.of_kind(Kind.CONSTANT)
    np.testing.assert_array_equal(constant.parameters["value"].read(), np.eye(6)[0])


@pytest.mark.parametrize(
    ("mask", "shape", "along"),
    [
        ((4, 6, 5), (4, 6, 5), Along.ELEMENT),
        ((4, 6, 1), (4, 6, 5), Along.CHANNEL),
        ((4, 1, 5), (4, 6, 5), Along.CHANNEL),
        ((4, 1, 1), (4, 6, 5), Along.SAMPLE),
        ((), (4, 6, 5), Along.SAMPLE),
        ((4, 1, 5, 5), (4, 6, 5, 5), Along.BLOCK),
        ((4, 6, 1, 1), (4, 6, 1, 1), Along.ELEMENT),
        ((6, 1, 1), (4, 6, 5, 5), Along.CHANNEL),
    ],
)
def test_what_a_mask_covers(mask: tuple[int, ...], shape: tuple[int, ...], along: Along) -> None:
    """By the axes along which its values differ."""
    assert along_of(mask, shape) is along


@settings(max_examples=60, deadline=None)
@given(
    scale=st.floats(0.2, 2.0),
    offset=st.floats(-1.0, 1.0),
    threshold=st.floats(-1.5, 2.5),
    distribution=st.sampled_from([Distribution.UNIFORM, Distribution.GAUSSIAN]),
)
def test_chances_are_those_of_real_draws(
    scale: float, offset: float, threshold: float, distribution: Distribution
) -> None:
    """Comparison and rounding against 40 000 draws, at six standard errors."""
    random = np.random.default_rng(0)
    count = 40_000
    uniform = distribution is Distribution.UNIFORM
    values = scale * (random.random(count) if uniform else random.normal(size=count)) + offset
    draw = Draw(distribution, (count,), scale=scale, offset=offset)
    above = draw.above(threshold)
    assert above is not None
    assert abs(above.amount - (values > threshold).mean()) <= 6 * 0.5 / math.sqrt(count)
    floored = draw.floor()
    if floored is not None:
        assert abs(floored.mean - np.floor(values).mean()) <= 6 * 0.5 / math.sqrt(count)
        assert abs(floored.affine(2.0, 1.0).mean - (2 * floored.mean + 1)) < 1e-9
