"""What a shift costs: answers by the stored statistics beside those by right ones."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from normdrop.shifts.expected import Statistics, averages
from normdrop.shifts.report import Cost, LayerShift, cost_of
from normdrop.shifts.stream import Arguments
from normdrop.verbs._framework import ModelPasses

_VARIANCE = 0.05
"""A shift's logarithm below which nothing is asked."""
_MEAN = 0.1
"""The same of a mean shift."""
_DRAWS = 4
"""Of noise, for the statistics of train mode."""
_MOST = 20.0
"""Times its variance that a channel may have with dropout off: more is no dropout's doing."""
_BEYOND = 6.0
"""Times the noise that what is left must be, to be believed: of two variances of few channels, or
of many that are much alike, one comes out so much larger by chance in one of a hundred cases."""
_SMALLEST = 1e-5
"""Added to variances, as norm layers do, so that a dead channel's do not count."""


def is_worth_asking(layers: Sequence[LayerShift]) -> bool:
    """Whether any shift is large enough to be felt."""
    return any(
        abs(np.log(layer.shift)) > _VARIANCE or layer.mean_shift > _MEAN
        for layer in layers
        if layer.shift > 0
    )


def cost(
    passes: ModelPasses,
    batches: Sequence[Arguments],
    stored: Mapping[str, Statistics[Any]],
    half: int,
    *,
    method: Literal["measured", "invert"],
    frozen: AbstractSet[str],
) -> Cost | None:
    """What the stored statistics cost on some inputs, inside `untouched`.

    Right statistics are those that the batches show with dropout off. Some hundred examples show
    noise, too, which would hide what is to be found: so they are drawn to what the stored ones
    become where train mode and dropout off are compared on the same examples.

    Costs a few passes over the inputs in either mode.

    Args:
        passes: Through the model.
        batches: Inputs, some hundred examples together.
        stored: What norm layers go by in eval mode; those of the model, or what inputs of an
            inversion show in train mode in their place.
        half: How many examples half a batch has.
        method: Whose inputs they are.
        frozen: Norm layers that keep to what they have stored while the model trains.

    Returns:
        None for a model without an output of floating point.
    """
    halves = batches[: len(batches) // 2] or [passes.first(batches[0], half)]
    kept = {path: one for path, one in stored.items() if path in frozen}
    with passes.without_gradients():
        right, again = (
            _without(_together([passes.settled(batch, kept) for batch in some]), kept)
            for some in (batches, halves)
        )
        right, again = _less_noise(
            stored,
            _TwoModes(_trained(passes, batches), right),
            _TwoModes(_trained(passes, halves), again),
        )
        by_stored, by_right, by_half = (
            _joined([passes.answers(batch, {**stored, **by}) for batch in batches])
            for by in ({}, right, again)
        )
    return cost_of(by_stored, by_right, by_half, method)


@dataclass(frozen=True)
class _TwoModes:
    """What the same examples show in two modes.

    Attributes:
        train: Norm layer path to statistics with dropout on.
        right: The same with dropout off.
    """

    train: Mapping[str, Any]
    right: Mapping[str, Any]

    def from_stored(self, path: str, stored: Any) -> Any:  # noqa: ANN401 - of the framework's
        """Stored statistics moved as these examples move from one mode to the other.

        What examples are unlike others in is in both modes, so that little of it is left.
        """
        train, right = self.train[path], self.right[path]
        scale = train.variance + (train.variance <= 0)  # a dead channel does not move
        ratio = (right.variance + (train.variance <= 0)) / scale
        step = (right.mean - train.mean) / scale**0.5
        return type(stored)(
            stored.mean + step * stored.variance**0.5,
            stored.variance * ratio.clip(1 / _MOST, _MOST),
        )


def _trained(passes: ModelPasses, batches: Sequence[Arguments]) -> dict[str, Any]:
    """Statistics in train mode, their average over several draws of noise."""
    seen = [
        averages(passes.train(batch, number * _DRAWS + draw) for draw in range(_DRAWS))
        for number, batch in enumerate(batches)
    ]
    return _together(seen)


def _less_noise(
    stored: Mapping[str, Any], whole: _TwoModes, half: _TwoModes
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Right statistics of all and of half the examples, drawn to the stored ones as far as noise.

    What is left between them after the move from train mode to dropout off is the examples' own
    noise, or stored statistics that belong to other weights or data. Half the examples are as far
    from all as all are from the truth; what is more than that is believed (James and Stein 1961).
    """
    found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for path in whole.right:
        drawn = [each.from_stored(path, stored[path]) for each in (whole, half)]
        seen = [each.right[path] for each in (whole, half)]
        rest, other = (_between(*pair) for pair in zip(drawn, seen, strict=True))
        noise, size = float(np.mean((rest - other) ** 2)), float(np.mean(rest**2))
        kept = 1 - noise / size if size > _BEYOND * noise else 0.0
        for into, near, one in zip(found, drawn, seen, strict=True):
            into[path] = type(one)(
                near.mean + kept * (one.mean - near.mean),
                near.variance + kept * (one.variance - near.variance),
            )
    return found


def _between(one: Statistics[Any], other: Statistics[Any]) -> np.ndarray:
    """From one to the other: means in deviations, and halves of the logarithms of variances."""
    a, b = one.numbers(), other.numbers()
    scale = a.variance + _SMALLEST
    logs = np.log((b.variance + _SMALLEST) / scale) / 2
    return np.concatenate([(b.mean - a.mean) / np.sqrt(scale), logs])


def _without(seen: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    return {path: one for path, one in seen.items() if path not in kept}


def _together(seen: Sequence[Mapping[str, Statistics[Any]]]) -> dict[str, Any]:
    return {path: _whole([one[path] for one in seen]) for path in seen[0]}


def _whole(parts: Sequence[Statistics[Any]]) -> Any:  # noqa: ANN401 - statistics of the framework's
    """Statistics of batches of one size, put together by the law of total variance."""
    count = len(parts)
    mean = sum((one.mean for one in parts[1:]), parts[0].mean) / count
    spread = sum(((one.mean - mean) ** 2 for one in parts[1:]), (parts[0].mean - mean) ** 2)
    within = sum((one.variance for one in parts[1:]), parts[0].variance)
    return type(parts[0])(mean, (within + spread) / count)


def _joined(found: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """The outputs of all batches, as far as they are of one shape."""
    return [
        np.concatenate(parts)
        for parts in zip(*found, strict=True)
        if len({part.shape[1:] for part in parts}) == 1
    ]
