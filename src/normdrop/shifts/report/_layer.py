"""How far one norm layer's input moves between train and eval mode."""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from normdrop.values.severity import Severity, severity

Method = Literal["measured", "moments", "simulate", "invert"]


@dataclass(frozen=True, eq=False)
class LayerShift:
    """The shift at one norm layer's input, per channel, and what causes it.

    All variances are biased (divided by n, not n - 1). For a stored model the train statistics
    are the running ones.

    Attributes:
        path: Module path of the norm layer, as in `model.named_modules()`.
        method: How the numbers were obtained.
        eval_mean: Mean of the input in eval mode, one number per channel.
        eval_variance: Variance of the input in eval mode, one number per channel.
        train_mean: Mean that the layer subtracts in eval mode, one number per channel.
        train_variance: Variance that the layer divides by in eval mode, one number per channel.
        causes: Noise layer path to its share of log Δ; the shares add up to 1. Empty when there is
            no shift to explain or nobody asked.
        error: Standard error of log Δ, `None` where the method gives none.
        unknown: Why no shift can be stated, or an empty string. The arrays are then NaN.

    >>> layer = LayerShift("bn", "measured", eval_mean=[0.0, 0.1], eval_variance=[1.0, 2.0],
    ...                    train_mean=[0.0, 0.0], train_variance=[2.0, 4.0])
    >>> layer.shift, layer.severity
    (0.5, 'error')
    >>> layer.shift_per_channel
    array([0.5, 0.5])
    """

    path: str
    method: Method
    _: KW_ONLY
    eval_mean: ArrayLike
    eval_variance: ArrayLike
    train_mean: ArrayLike
    train_variance: ArrayLike
    causes: Mapping[str, float] = field(default_factory=dict)
    error: float | None = None
    unknown: str = ""

    def __post_init__(self) -> None:
        """Hold the four arrays as read-only float64 copies of one length."""
        names = ("eval_mean", "eval_variance", "train_mean", "train_variance")
        arrays = [np.array(getattr(self, name), dtype=np.float64).reshape(-1) for name in names]
        if len({array.size for array in arrays}) > 1:
            sizes = ", ".join(f"{n} {a.size}" for n, a in zip(names, arrays, strict=True))
            raise ValueError(f"{self.path}: one number per channel each, but got {sizes}")
        for name, array in zip(names, arrays, strict=True):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def without_value(cls, path: str, method: Method, channels: int, reason: str) -> "LayerShift":
        """A layer whose shift cannot be stated, and why."""
        nothing = np.full(channels, np.nan)
        return cls(
            path,
            method,
            eval_mean=nothing,
            eval_variance=nothing,
            train_mean=nothing,
            train_variance=nothing,
            unknown=reason,
        )

    @property
    def shift(self) -> float:
        """Δ: the mean of the eval variances over the mean of the train variances (Li et al.)."""
        return _ratio(np.mean(_array(self.eval_variance)), np.mean(_array(self.train_variance)))

    @property
    def shift_per_channel(self) -> NDArray[np.float64]:
        """Eval variance over train variance, channel by channel; NaN for a channel without any."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.divide(_array(self.eval_variance), _array(self.train_variance))

    @property
    def shift_ratio(self) -> float:
        """max(Δ, 1/Δ), the metric of Li et al.'s figures: at least 1, whichever way it moves."""
        return max(self.shift, 1 / self.shift) if self.shift else math.inf

    @property
    def mean_shift_per_channel(self) -> NDArray[np.float64]:
        """(Eval mean - train mean) / train deviation, channel by channel."""
        difference = _array(self.eval_mean) - _array(self.train_mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.divide(difference, np.sqrt(_array(self.train_variance)))

    @property
    def mean_shift(self) -> float:
        """Root mean square over channels of the mean shift; channels without variance left out."""
        shifts = self.mean_shift_per_channel
        shifts = shifts[np.isfinite(shifts)]
        return float(np.sqrt(np.mean(shifts**2))) if shifts.size else math.nan

    @property
    def severity(self) -> Severity:
        """`"error"`, `"warning"` or `"note"`, by the size of the shift."""
        return severity(self.shift)

    def to_dict(self) -> dict[str, object]:
        """Everything about the layer in types that JSON knows."""
        return {
            "path": self.path,
            "method": self.method,
            "shift": _json(self.shift),
            "shift_ratio": _json(self.shift_ratio),
            "mean_shift": _json(self.mean_shift),
            "severity": self.severity,
            "error": self.error,
            "unknown": self.unknown,
            "causes": dict(self.causes),
            "eval_mean": [_json(x) for x in _array(self.eval_mean)],
            "eval_variance": [_json(x) for x in _array(self.eval_variance)],
            "train_mean": [_json(x) for x in _array(self.train_mean)],
            "train_variance": [_json(x) for x in _array(self.train_variance)],
        }


def _array(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _ratio(numerator: np.floating, denominator: np.floating) -> float:
    return float(numerator / denominator) if denominator > 0 else math.nan


def _json(value: float) -> float | None:
    """The number, or `None` for what JSON cannot say."""
    return float(value) if math.isfinite(value) else None
