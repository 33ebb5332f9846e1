"""What a pass saw, in the words of a report."""

from collections.abc import Mapping
from types import MappingProxyType

from normdrop.errors import UsageError
from normdrop.shifts.report import LayerShift
from normdrop.shifts.stream._statistics import Seen, Stored

_NOTHING: Mapping[str, float] = MappingProxyType({})


def layer_shift(
    path: str, seen: Seen, stored: Stored, causes: Mapping[str, float] = _NOTHING
) -> LayerShift:
    """What reached a layer in eval mode against what it had stored.

    Raises:
        UsageError: A single value per channel, which has no variance.
    """
    found = population(path, seen)
    return LayerShift(
        path,
        "measured",
        eval_mean=found.mean,
        eval_variance=found.variance,
        train_mean=stored.mean,
        train_variance=stored.variance,
        causes=causes,
    )


def population(path: str, seen: Seen) -> Stored:
    """Mean and biased variance of all that reached a layer.

    Raises:
        UsageError: A single value per channel, which has no variance.
    """
    if seen.count == 1:
        raise UsageError(
            f"one value per channel reached {path!r}, and one value has no variance: "
            "pass more batches or larger ones"
        )
    return Stored(seen.mean, seen.variance)


def extent(batches: int, examples: int) -> str:
    """How much was read, in a sentence.

    >>> extent(1, 32), extent(2, 64)
    ('Over 1 batch of 32 examples.', 'Over 2 batches, 64 examples in all.')
    """
    if batches == 1:
        return f"Over 1 batch of {examples} example{'' if examples == 1 else 's'}."
    return f"Over {batches} batches, {examples} examples in all."
