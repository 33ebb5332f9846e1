"""Which of noise, stale statistics, small batches or other data explains a gap, in words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from normdrop.display import percentage
from normdrop.errors import NormdropError
from normdrop.severity import severity
from normdrop.torch._fit import INITIAL_ABOVE, initial_share
from normdrop.torch._norm_call import Moments
from normdrop.torch.invert import stored_fit
from normdrop.torch.stream import Arguments, Seen

_MOVED = 0.2
"""A mean off by so many deviations is as bad as a variance off by the square of it."""
_SCATTER = 0.05
"""The part of the variance that lies between batches, beyond which they are small or unlike."""


@dataclass(frozen=True)
class Evidence:
    """Statistics at every norm layer: stored, and on the same batches by batch statistics."""

    stored: Mapping[str, Moments]
    off: Mapping[str, Seen]
    train: Mapping[str, Seen]


@dataclass(frozen=True)
class _Step:
    """How far one change moves statistics: the layer where most, and both measures of it there."""

    layer: str
    ratio: float
    moved: float

    @property
    def size(self) -> float:
        return max(abs(math.log(self.ratio)) if self.ratio > 0 else math.inf, self.moved**2)

    @property
    def matters(self) -> bool:
        return severity(self.ratio) != "note" or self.moved > _MOVED

    def __str__(self) -> str:
        words = f"{self.ratio:.2f} times the variance"
        return words + (f", means {self.moved:.2f} deviations off" if self.moved > _MOVED else "")


def explained(model: nn.Module, evidence: Evidence, inputs: Arguments) -> tuple[str, ...]:
    """Sentences, the largest part first.

    From the stored statistics to what eval mode meets there are three steps: to train mode on these
    batches (statistics that lag behind the weights, or other data), from there to dropout off (the
    noise), and from the batches' statistics to those over all (small or unlike batches). Each is
    looked at where it is largest.

    Args:
        model: Left as it is; it runs only to tell stale statistics from other data.
        evidence: The statistics.
        inputs: What the model is called with.
    """
    stored = {path: evidence.stored[path] for path in evidence.train}
    train = {path: _unbiased(seen) for path, seen in evidence.train.items()}
    off = {path: _unbiased(seen) for path, seen in evidence.off.items()}
    parts: list[tuple[float, str]] = []
    if (noise := _largest(train, off)).matters:
        parts.append((noise.size, _noise_words(noise)))
    if (lag := _largest(stored, train)).matters:
        parts.append((lag.size, _lag_words(model, lag, inputs)))
    layer, scatter = _most_scattered(evidence.off)
    if scatter > _SCATTER:
        parts.append((scatter, _scatter_words(layer, scatter)))
    sentences = [words for _, words in sorted(parts, key=lambda part: -part[0])]
    return tuple(sentences) or (_NOTHING,)


_NOTHING = (
    "Train and eval mode agree at every norm layer: what is left of a gap is what dropout takes "
    "from the outputs themselves."
)


def _noise_words(noise: _Step) -> str:
    return (
        f"Noise: without dropout {noise.layer!r} meets {noise} that it has in train mode, whose "
        "statistics are the ones it keeps."
    )


def _lag_words(model: nn.Module, lag: _Step, inputs: Arguments) -> str:
    met = f"in train mode {lag.layer!r} meets {lag} that it has stored"
    share = initial_share(model)
    args, kwargs = inputs
    try:
        fit = stored_fit(model, kwargs or args)
    except NormdropError:  # no floating-point input: none can be sought
        return f"Stale statistics or other data: {met}. Which of the two cannot be told here."
    if fit.lags:
        why = (
            f"the values it began with still weigh {percentage(share, 0)}"
            if share > INITIAL_ABOVE
            else "no inputs would give these weights the stored statistics"
        )
        return f"Stale statistics: {met}, and {why}."
    return (
        f"Other data: {met}, and other inputs would give these weights the stored statistics: "
        "these batches are not like the data they come from."
    )


def _scatter_words(layer: str, scatter: float) -> str:
    return (
        f"Small batches: {percentage(scatter, 0)} of the variance at {layer!r} lies between "
        "batches, so that in train mode examples are normalised by statistics that vary with their "
        "company."
    )


def _unbiased(seen: Seen) -> Moments:
    """Statistics as running ones come to be: means of batches, and their unbiased variances."""
    size = seen.count / max(1, seen.batches)
    return Moments(seen.mean, seen.within * (size / max(1.0, size - 1)))


def _largest(before: Mapping[str, Moments], after: Mapping[str, Moments]) -> _Step:
    """The largest of all layers' steps."""
    steps = [_step(path, before[path], moments) for path, moments in after.items()]
    return max(steps, key=lambda step: step.size, default=_Step("", 1.0, 0.0))


def _step(path: str, before: Moments, after: Moments) -> _Step:
    base = before.variance.mean().item()
    ratio = after.variance.mean().item() / base if base > 0 else 1.0
    alive = before.variance > 0
    moved = (after.mean - before.mean)[alive].square() / before.variance[alive]
    return _Step(path, ratio, math.sqrt(moved.mean().item()) if len(moved) else 0.0)


def _most_scattered(seen: Mapping[str, Seen]) -> tuple[str, float]:
    """The layer with the largest part of its variance between batches, and that part."""
    parts = {path: _part(one.between, one.variance) for path, one in seen.items()}
    layer = max(parts, key=lambda path: parts[path], default="")
    return layer, parts.get(layer, 0.0)


def _part(between: Tensor, total: Tensor) -> float:
    return between.mean().item() / total.mean().item() if total.mean() > 0 else 0.0
