"""What a pass saw, in the words of a report."""

from collections.abc import Mapping
from types import MappingProxyType

from normdrop.errors import UsageError
from normdrop.shift import LayerShift
from normdrop.torch._norm_call import Moments
from normdrop.torch.stream._seen import Seen

_NOTHING: Mapping[str, float] = MappingProxyType({})


def layer_shift(
    path: str, seen: Seen, stored: Moments, causes: Mapping[str, float] = _NOTHING
) -> LayerShift:
    """What reached a layer in eval mode against what it had stored.

    Raises:
        UsageError: A single value per channel, which has no variance.
    """
    return LayerShift(
        path,
        "measured",
        eval_mean=seen.mean.numpy(),
        eval_variance=moments_of(path, seen).variance.numpy(),
        train_mean=stored.mean.cpu().numpy(),
        train_variance=stored.variance.cpu().numpy(),
        causes=causes,
    )


def moments_of(path: str, seen: Seen) -> Moments:
    """Mean and biased variance of all that reached a layer.

    Raises:
        UsageError: A single value per channel, which has no variance.
    """
    if seen.count == 1:
        raise UsageError(
            f"one value per channel reached {path!r}, and one value has no variance: "
            "pass more batches or larger ones"
        )
    return Moments(seen.mean, seen.variance)


def extent(batches: int, examples: int) -> str:
    """How much was read, in a sentence.

    >>> extent(1, 32), extent(2, 64)
    ('Over 1 batch of 32 examples.', 'Over 2 batches, 64 examples in all.')
    """
    if batches == 1:
        return f"Over 1 batch of {examples} example{'' if examples == 1 else 's'}."
    return f"Over {batches} batches, {examples} examples in all."
