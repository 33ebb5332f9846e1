"""How far norm layers' inputs move between train and eval mode: one layer, and a whole model."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from normdrop.errors import UsageError
from normdrop.shifts.graph import Graph
from normdrop.shifts.map import ModelMap, NormMark
from normdrop.values.display import (
    Column,
    Headline,
    Level,
    Row,
    ShownAsTables,
    Table,
    Tone,
    percentage,
    rounded,
)
from normdrop.values.severity import Severity, severity

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

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
        error: Of log Δ: its standard error over passes, and by how much made-up inputs of white
            and of pink spectra disagree; `None` where the method gives none.
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


_COLUMNS = (
    Column("norm layer", meaning="module path"),
    Column("shift", "right", "eval variance / train variance; 1 is none"),
    Column("mean shift", "right", "(eval mean - train mean) / train deviation, root mean square"),
    Column("severity"),
    Column("causes", meaning="noise layers and their shares of the logarithm of the shift"),
)
_TITLES = MappingProxyType(
    {
        "measured": "Shift between train and eval mode, measured",
        "moments": "Expected shift between train and eval mode, from moments",
        "simulate": "Expected shift between train and eval mode, simulated",
        "invert": "Expected shift between train and eval mode, from the stored statistics",
    }
)
_MOST_CAUSES = 3


StateName = Literal[
    "not-finite",
    "never-updated",
    "few-updates",
    "averaged",
    "small-training-batches",
    "frozen",
    "thawed",
    "instance",
    "re-estimated",
    "other-scale",
    "other-data",
    "stale",
    "undecided",
    "noise",
    "small-batches",
]
"""Each of the things that running statistics, or the batches they are held against, can be."""

_STATES: dict[StateName, str] = {
    "not-finite": "Broken statistics",
    "never-updated": "Never updated",
    "few-updates": "Too few updates",
    "averaged": "Averaged weights",
    "small-training-batches": "Small training batches",
    "frozen": "Frozen norm layers",
    "thawed": "Thawed norm layers",
    "instance": "Instance norm",
    "re-estimated": "Re-estimated statistics",
    "other-scale": "Other data",
    "other-data": "Other data",
    "stale": "Stale statistics",
    "undecided": "Stale statistics or other data",
    "noise": "Noise",
    "small-batches": "Small batches",
}
_NO_FAULTS: frozenset[StateName] = frozenset({"frozen", "re-estimated"})


@dataclass(frozen=True)
class StatisticsState:
    """One thing that the stored statistics of some norm layers hold.

    Attributes:
        name: Which it is.
        layers: Paths of the norm layers it was seen at, the one that tells most first.
        evidence: What was seen, as a clause.
        remedy: What to do, as a clause; empty where there is nothing to do.

    >>> str(StatisticsState("stale", ("bn",), "in train mode 'bn' meets twice the variance", ""))
    "Stale statistics: in train mode 'bn' meets twice the variance."
    """

    name: StateName
    layers: tuple[str, ...]
    evidence: str
    remedy: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether anything is wrong with what is stored, or with the data."""
        return self.name not in _NO_FAULTS

    def __str__(self) -> str:
        """One sentence."""
        remedy = f": {self.remedy}" if self.remedy else ""
        return f"{_STATES[self.name]}: {self.evidence}{remedy}."

    def to_dict(self) -> dict[str, object]:
        """In types that JSON knows."""
        return {
            "name": self.name,
            "layers": list(self.layers),
            "evidence": self.evidence,
            "remedy": self.remedy,
        }


@dataclass(frozen=True)
class ModeTable(ShownAsTables):
    """One metric of one model on the same batches in four modes, and what tells them apart.

    Attributes:
        metric: What the metric is called.
        eval_mode: Dropout off, running statistics: how the model is used.
        batch_statistics: Dropout off, every norm layer by its batch's statistics.
        dropout_on: Dropout on, running statistics: one draw of Monte Carlo dropout.
        train_mode: Dropout on, batch statistics: how the model was trained.
        explanations: What explains the difference, in sentences, the largest part first.

    >>> table = ModeTable("accuracy", 0.81, 0.94, 0.70, 0.92, ("Noise: ...",))
    >>> round(table.gap, 2)
    -0.11
    """

    metric: str
    eval_mode: float
    batch_statistics: float
    dropout_on: float
    train_mode: float
    explanations: tuple[str, ...] = ()

    @property
    def gap(self) -> float:
        """Eval mode minus train mode."""
        return self.eval_mode - self.train_mode

    def to_dict(self) -> dict[str, object]:
        """The table in types that JSON knows."""
        names = ("eval_mode", "batch_statistics", "dropout_on", "train_mode", "gap")
        values = {name: getattr(self, name) for name in names}
        return {
            "metric": self.metric,
            **{name: value if math.isfinite(value) else None for name, value in values.items()},
            "explanations": list(self.explanations),
        }

    def to_table(self) -> Table:
        """Two rows for dropout, two columns for the statistics."""
        columns = (
            Column("dropout"),
            Column("running statistics", "right", "what the norm layers have stored"),
            Column("batch statistics", "right", "what each batch shows"),
        )
        rows = (
            Row(("off", f"{rounded(self.eval_mode)} (eval)", rounded(self.batch_statistics))),
            Row(("on", rounded(self.dropout_on), f"{rounded(self.train_mode)} (train)")),
        )
        return Table(f"{self.metric} in four modes", columns, rows, self.explanations)


@dataclass(frozen=True, eq=False)
class ShiftReport(ShownAsTables):
    """The shift at every norm layer of a model, worst first.

    Attributes:
        layers: One value per norm layer, sorted: the largest |log Δ| first, unknown ones last.
        method: How the numbers were obtained.
        notes: What holds for the whole model and must be known to read the numbers, in sentences.
        modes: A metric in four modes and what explains their difference, where one was measured.
        states: What the stored statistics hold, as far as the evidence tells.

    >>> report = ShiftReport([LayerShift("bn", "measured", eval_mean=[0], eval_variance=[1],
    ...                                  train_mean=[0], train_variance=[2])], "measured")
    >>> [layer.path for layer in report], len(report), report["bn"].shift
    (['bn'], 1, 0.5)
    """

    layers: Sequence[LayerShift]
    method: Method
    notes: tuple[str, ...] = ()
    modes: ModeTable | None = None
    states: tuple[StatisticsState, ...] = ()
    _graph: Callable[[], Graph] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Sort the layers, worst first; equal ones keep the model's order."""
        object.__setattr__(self, "layers", tuple(sorted(self.layers, key=_rank)))

    def __iter__(self) -> Iterator[LayerShift]:
        """The layers, worst first."""
        return iter(self.layers)

    def __len__(self) -> int:
        """How many norm layers."""
        return len(self.layers)

    def __getitem__(self, path: str) -> LayerShift:
        """The layer at a module path.

        Raises:
            KeyError: No norm layer has that path.
        """
        for layer in self:
            if layer.path == path:
                return layer
        raise KeyError(path)

    @property
    def findings(self) -> tuple[LayerShift, ...]:
        """The layers whose shift is a warning or an error, worst first."""
        return tuple(layer for layer in self if layer.severity != "note")

    def to_dict(self) -> dict[str, object]:
        """The whole report in types that JSON knows."""
        return {
            "method": self.method,
            "notes": list(self.notes),
            "modes": None if self.modes is None else self.modes.to_dict(),
            "layers": [layer.to_dict() for layer in self],
        }

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per layer, worst first.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd

        scalars = ("path", "shift", "mean_shift", "severity", "error", "method", "unknown")
        rows = [{name: getattr(layer, name) for name in scalars} for layer in self]
        return pd.DataFrame(rows, columns=list(scalars))

    def to_table(self) -> Table:
        """One row per norm layer, worst first: shift, mean shift, severity and causes."""
        return _table(self.layers, self.method, self.notes, Headline(self.level, self._verdict))

    def _tables(self) -> "Iterator[Table]":
        yield self.to_table()
        if self.modes is not None:
            yield self.modes.to_table()

    @property
    def level(self) -> Level:
        """How bad the worst of it is."""
        known = [layer for layer in self if math.isfinite(layer.shift)]
        if not known:
            return "unknown" if len(self) else "ok"
        worst = known[0].severity
        return "ok" if worst == "note" else worst

    @property
    def verdict(self) -> str:
        """What the shifts say of the model, in a sentence."""
        return f"ok: {self._verdict}" if self.level == "ok" else self._verdict

    @property
    def _verdict(self) -> str:
        known = [layer for layer in self if math.isfinite(layer.shift)]
        if not known:
            layers = _layers(len(self))
            return (
                f"the shift of {layers} is not known" if len(self) else "no norm layer was called"
            )
        for level, percent in (("error", 20), ("warning", 5)):
            off = [layer for layer in known if layer.severity == level]
            if off:
                verb = "is" if len(off) == 1 else "are"
                return (
                    f"{len(off)} of {_layers(len(self))} {verb} off by more than {percent} % in "
                    f"evaluation{_main_cause(off)}"
                )
        beside = "" if len(known) == len(self) else f", {len(self) - len(known)} unknown"
        return f"{_layers(len(known))} within 5 % in evaluation{beside}"

    def map(self, name: str = "the model") -> ModelMap:
        """The model as a map: modules, data flow, and noise on its way to the norm layers.

        In a notebook it is pictures, in a terminal a tree. It shows the model as it is now.

        Args:
            name: What the model is called.

        Raises:
            UsageError: The report was not made of a model, by `predict`, `measure` or `view`.
            CaptureError: The model raised.
        """
        if self._graph is None:
            raise UsageError("this report knows no model: call normdrop.view(model, ...)")
        marks = {layer.path: NormMark(layer.shift, layer.causes, layer.unknown) for layer in self}
        return ModelMap(name, self._graph(), marks, Headline(self.level, self._verdict), self.notes)

    def plot(self) -> "go.Figure":
        """A figure with one row per layer: no shift at 1, and the shift it has.

        Raises:
            ImportError: plotly is not installed.
        """
        from normdrop.values.display.figures import DotPair, dot_pairs

        known = [layer for layer in self if math.isfinite(layer.shift)]
        pairs = [DotPair(layer.path, 1.0, layer.shift) for layer in known]
        return dot_pairs(pairs, "eval variance / train variance", "no shift", self.method)


def _layers(number: int) -> str:
    return f"{number} norm layer{'' if number == 1 else 's'}"


def _main_cause(layers: Sequence[LayerShift]) -> str:
    """The noise layer with the largest part in some shifts, as a clause; empty without any."""
    parts: dict[str, float] = {}
    for layer in layers:
        size = abs(math.log(layer.shift)) if layer.shift > 0 else 1.0
        for path, share in layer.causes.items():
            parts[path] = parts.get(path, 0.0) + share * size
    total = sum(parts.values())
    if not total > 0:
        return ""
    path = max(parts, key=lambda each: parts[each])
    share = parts[path] / total
    if share > 0.99:  # noqa: PLR2004 - what rounding leaves of all
        return f"; dropout {path!r} is the cause"
    if share > 0.5:  # noqa: PLR2004 - more than all others together
        return f"; dropout {path!r} is the main cause"
    return f"; of {len(parts)} causes dropout {path!r} is the largest ({percentage(share, 0)})"


def _rank(layer: LayerShift) -> float:
    """Smaller for worse: minus |log Δ|, and infinite where nothing is known."""
    shift = layer.shift
    if math.isnan(shift):
        return math.inf
    return -abs(math.log(shift)) if shift > 0 else -math.inf


def _table(
    layers: Sequence[LayerShift], method: Method, notes: Sequence[str], verdict: Headline
) -> Table:
    """One row per layer in the order given; errors and warnings are marked."""
    if not layers:
        notes = (*notes, "No norm layer with running statistics was called.")
    # A reason that all layers share is in the notes, where it need not be said row by row.
    said = bool(notes) and len({layer.unknown for layer in layers}) == 1
    rows = tuple(_row(layer, reason="" if said else layer.unknown) for layer in layers)
    return Table(_TITLES[method], _COLUMNS, rows, tuple(notes), verdict)


def _row(layer: LayerShift, *, reason: str) -> Row:
    if math.isnan(layer.shift):
        why = reason if layer.unknown else "no variance in train mode"
        return Row((layer.path, "unknown", "", "", why), "unknown")
    tone: Tone = "ok" if layer.severity == "note" else layer.severity
    cells = (
        layer.path,
        f"{layer.shift:.3f}",
        f"{layer.mean_shift:.3f}",
        tone,
        _causes(layer),
    )
    return Row(cells, tone)


def _causes(layer: LayerShift) -> str:
    ordered = sorted(layer.causes.items(), key=lambda item: -item[1])
    shown = [f"{path} ({percentage(share, 0)})" for path, share in ordered[:_MOST_CAUSES]]
    rest = len(ordered) - _MOST_CAUSES
    return ", ".join(shown) + (f", {rest} more" if rest > 0 else "")
