"""What a shift costs: answers by the stored statistics beside those by right ones."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal

import numpy as np

from normdrop.shifts.expected import Statistics
from normdrop.shifts.report import Cost, LayerShift, cost_of
from normdrop.shifts.stream import Arguments
from normdrop.verbs._framework import ModelPasses

_VARIANCE = 0.05
"""A shift's logarithm below which nothing is asked."""
_MEAN = 0.1
"""The same of a mean shift."""


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

    Right statistics are those that each batch shows with dropout off, put together. Costs four
    passes over the inputs, and one over half of them.

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
    with passes.without_gradients():
        by_stored = [passes.answers(batch, stored) for batch in batches]
        kept = {path: one for path, one in stored.items() if path in frozen}
        right, again = (
            {**stored, **_together([passes.settled(batch, kept) for batch in some])}
            for some in (batches, halves)
        )
        by_right = [passes.answers(batch, right) for batch in batches]
        by_half = [passes.answers(batch, again) for batch in batches]
    return cost_of(_joined(by_stored), _joined(by_right), _joined(by_half), method)


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
