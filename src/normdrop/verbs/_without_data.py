"""New running statistics without data: the stored ones, corrected by what dropout does to them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from normdrop.errors import NormdropError, UsageError
from normdrop.shifts.expected import Statistics, StoredFit, plan
from normdrop.shifts.report import LayerShift, Recalibration, ShiftReport
from normdrop.shifts.stream import Stored
from normdrop.values.display import percentage
from normdrop.verbs._estimate import under
from normdrop.verbs._framework import Model
from normdrop.verbs._invert import Inverted, inverted

_STEPS = 80
"""Of the optimiser that inputs are sought with."""
_STEEPNESS = (1.0, 2.0, 0.0)
"""Of the spectra that inversions start from; what the others call for is tried on each."""
_CANDIDATES = len(_STEEPNESS)
_ROUNDS = 4
"""How often norm layers that cannot be trusted are left out before all are."""
_LEFT = 0.7
"""The part of the shift that a correction may leave on inputs that it was not made from."""
_WORSE = 1.1
"""Times the distance before that a layer may have on such inputs and be trusted."""
_NEAR = 0.02
"""Distances below it are no shift, and not told from the noise."""
_NAMED = 5
"""Norm layers that a note names."""
_MOST = 20.0
"""Times its variance that a channel may have after a correction: more is no dropout's doing."""
_SMALLEST = 1e-5
"""Added to variances, as norm layers do, so that a dead channel's do not count."""

LayerStatistics = Mapping[str, Statistics[Any]]


def without_data(
    framework: Model,
    example: object,
    metric: object,
    frozen: Iterable[str],
    progress: Callable[[int, int | None], None] | None = None,
) -> Recalibration:
    """Correct the stored statistics by what dropout does to inputs found by inversion.

    Several inversions start apart, and the correction that the others call for is tried on the
    inputs of each. Norm layers that it leaves farther from what they meet keep what they have
    stored.

    Raises:
        NormdropError: The stored statistics lag behind the weights, or inputs that the correction
            was not made from do not bear it out; nothing is changed.
        CaptureError: The model raised.
        UsageError: No example, or a metric; no input is a floating-point one; the framework has no
            gradients; or a norm keeps its statistics elsewhere.
    """
    _need_example(example, metric)
    statistics = framework.statistics()
    keeping = statistics.frozen | under(statistics.stored, frozen)
    tell = progress or (lambda done, total: None)  # noqa: ARG005 - as `progress` is called
    count = plan.recalibration_inputs(framework.inputs(example, 0).positions)
    with framework.untouched(gradients=True):
        found: list[Inverted] = []
        for seed, steepness in enumerate(_STEEPNESS):
            tell(seed, _CANDIDATES + 1)
            one = inverted(
                framework,
                example,
                _STEPS,
                seed,
                count=count,
                part=(seed, _CANDIDATES),
                steepness=steepness,
            )
            found.append(one)
        _need_fit(found[0].fit)  # from the start that the verdict is calibrated for
        tell(_CANDIDATES, _CANDIDATES + 1)
        passes = found[0].passes
        with passes.without_gradients():
            made = _trusted(found, frozenset(keeping | passes.frozen))
        tell(_CANDIDATES + 1, _CANDIDATES + 1)
    old = {path: one.numbers() for path, one in passes.stored.items()}
    corrected = made.correction.applied(passes.stored)
    new = {path: corrected[path].numbers() for path in made.correction.moves}
    undo = statistics.snapshot()
    statistics.write(new)
    notes = (f"Without data: {found[0].fit}.", *made.notes)
    return _recalibration(old, new, made, notes, undo)


@dataclass(frozen=True)
class _Move:
    """How a layer's statistics move from train to eval mode: tensors or arrays, (channels,) each.

    Attributes:
        ratio: Variance after over variance before.
        step: The mean's move, in deviations from before.
    """

    ratio: Any
    step: Any


@dataclass(frozen=True)
class _Correction:
    """What statistics become without data.

    Inputs are sought that show the stored statistics in train mode, dropout on. What eval mode
    makes of their statistics, relative to train mode, the stored ones are corrected by. The inputs'
    own error then cancels.

    Attributes:
        moves: Norm layer path to its move; frozen layers left out.
    """

    moves: Mapping[str, _Move]

    def applied(self, to: LayerStatistics) -> dict[str, Any]:
        """Statistics of train mode, corrected."""
        return {
            path: one
            if path not in self.moves
            else type(one)(
                one.mean + self.moves[path].step * one.variance**0.5,
                one.variance * self.moves[path].ratio,
            )
            for path, one in to.items()
        }


@dataclass(frozen=True)
class _Verified:
    """A correction on inputs that it was not made from.

    Attributes:
        before: Norm layer path to how far what eval mode meets is from the statistics of train
            mode, uncorrected.
        after: The same with corrected ones.
        outputs_before: How far the outputs are from those with right statistics, uncorrected; in
            their deviations.
        outputs_after: The same with corrected ones.
    """

    before: Mapping[str, float]
    after: Mapping[str, float]
    outputs_before: float
    outputs_after: float

    @property
    def left(self) -> float:
        """The part of the distance that is left, summed over layers."""
        whole = sum(self.before.values())
        return sum(self.after.values()) / whole if whole else 0.0

    @property
    def harms(self) -> frozenset[str]:
        """Norm layers that a correction takes farther from what they meet."""
        return frozenset(
            path
            for path, after in self.after.items()
            if after > _NEAR and after > _WORSE * self.before[path]
        )


@dataclass(frozen=True)
class _Trusted:
    """The correction that is made, and how sure it is.

    Attributes:
        correction: Of all candidates together.
        frozen: Norm layers that stay as they are because they must.
        left_out: Those that stay because the correction cannot be trusted there.
        error: Norm layer path to how far apart candidates are.
        notes: What was verified, in sentences.
    """

    correction: _Correction
    frozen: frozenset[str]
    left_out: frozenset[str]
    error: Mapping[str, float]
    notes: tuple[str, ...]


def _trusted(found: Sequence[Inverted], frozen: frozenset[str]) -> _Trusted:
    """The correction that bears verification, at as many norm layers as it does.

    Args:
        found: Inversions.
        frozen: Norm layers to leave as they are.

    Raises:
        NormdropError: There is none.
        UsageError: Every norm layer is frozen.
    """
    if not found[0].shifts.train.keys() - frozen:
        raise UsageError("every norm layer is frozen: there is nothing to re-estimate")
    left_out: frozenset[str] = frozenset()
    for _ in range(_ROUNDS):
        made = [_correction(one, frozen | left_out) for one in found]
        seen = [
            _verified(one, _together([other for other in made if other is not own]))
            for one, own in zip(found, made, strict=True)
        ]
        left, before, after = (
            float(np.mean([getattr(each, name) for each in seen]))
            for name in ("left", "outputs_before", "outputs_after")
        )
        after_all = {path: [each.after[path] for each in seen] for path in made[0].moves}
        harms = {
            path for path in after_all if sum(path in each.harms for each in seen) > len(seen) / 2
        }
        if not harms and left < _LEFT and after <= max(before, _NEAR):
            return _told(made, frozen, left_out, left, (before, after))
        left_out |= harms or {max(after_all, key=lambda path: float(np.mean(after_all[path])))}
        if not made[0].moves.keys() - left_out:
            break
    raise NormdropError(
        "nothing was changed: on inputs that the new statistics were not made from they "
        f"leave {percentage(min(left, 9.99), 0)} of the shift, and outputs "
        f"{after:.2g} deviations from right ones, where the stored ones leave {before:.2g}, so "
        "that without data they cannot be trusted: pass batches"
    )


def _told(
    made: Sequence[_Correction],
    frozen: frozenset[str],
    left_out: frozenset[str],
    left: float,
    outputs: tuple[float, float],
) -> _Trusted:
    """All candidates in one, with what was seen of them."""
    shown = percentage(left, 0)
    verified = (
        f"On inputs that they were not made from the new statistics leave {shown} of the shift, "
        f"and outputs {outputs[1]:.2g} deviations from right ones, where the stored ones leave "
        f"{outputs[0]:.2g}."
    )
    notes = [verified]
    if left_out:
        names = ", ".join(repr(path) for path in sorted(left_out)[:_NAMED])
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        notes.append(
            f"Left as they were, because such inputs do not bear a correction out there: {names}"
            f"{more}."
        )
    error = {path: _spread([one.moves[path] for one in made]) for path in made[0].moves}
    return _Trusted(_together(made), frozen, left_out, error, tuple(notes))


def _together(made: Sequence[_Correction]) -> _Correction:
    """Several corrections in one, as far as they agree.

    Each channel's move is drawn to that of the whole layer by what is noise of the differences
    between channels (James and Stein 1961), and a mean's to none.
    """
    return _Correction(
        {
            path: _Move(
                _shrunk([one.moves[path].ratio for one in made], whole=True),
                _shrunk([one.moves[path].step for one in made], whole=False),
            )
            for path in made[0].moves
        }
    )


def _shrunk(values: Sequence[Any], *, whole: bool) -> Any:  # noqa: ANN401 - tensors or arrays
    """The average of values, (channels,) each, less of their noise.

    Args:
        values: One of each candidate.
        whole: Whether towards the mean over channels, or towards 0.
    """
    count = len(values)
    mean = sum(values[1:], values[0]) / count
    noise = sum(float(((each - mean) ** 2).mean()) for each in values) / (count - 1) / count
    centre = mean.mean() if whole else 0 * mean.mean()
    spread = float(((mean - centre) ** 2).mean())
    kept = max(0.0, 1 - noise / spread) if spread > 0 else 0.0
    return centre + kept * (mean - centre)


def _spread(moves: Sequence[_Move]) -> float:
    """Standard error of the logarithm of a layer's shift, from candidates that differ."""
    logs = np.log([float(each.ratio.mean()) for each in moves])
    return float(np.std(logs, ddof=1) / math.sqrt(len(moves)))


def _correction(found: Inverted, keeping: frozenset[str]) -> _Correction:
    """What eval mode makes of inputs, when every layer goes by the statistics that it meets.

    Args:
        found: An inversion.
        keeping: Norm layers that go by what train mode shows.
    """
    train = found.shifts.train
    kept = {path: one for path, one in train.items() if path in keeping}
    seen = found.passes.settled(found.inputs, kept)
    free = train.keys() - keeping
    return _Correction({p: _move(train[p], one) for p, one in seen.items() if p in free})


def _move(train: Statistics[Any], evaluated: Statistics[Any]) -> _Move:
    scale = train.variance + (train.variance <= 0)  # a dead channel does not move
    ratio = (evaluated.variance + (train.variance <= 0)) / scale
    return _Move(ratio.clip(1 / _MOST, _MOST), (evaluated.mean - train.mean) / scale**0.5)


def _verified(found: Inverted, made: _Correction) -> _Verified:
    """What a correction is worth on other inputs."""
    passes, inputs, train = found.passes, found.inputs, found.shifts.train
    corrected = made.applied(train)
    met = passes.evaluate(inputs, corrected)
    kept = {path: one for path, one in train.items() if path not in made.moves}
    right = {**train, **passes.settled(inputs, kept)}
    wanted = passes.answers(inputs, right)
    return _Verified(
        {path: _distance(train[path], found.shifts.eval[path]) for path in made.moves},
        {path: _distance(corrected[path], met[path]) for path in made.moves},
        *(_moved(wanted, passes.answers(inputs, by)) for by in (train, corrected)),
    )


def _moved(wanted: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> float:
    """Root mean square difference of outputs in deviations of the wanted ones; the largest."""
    scales = [float(np.std(one)) for one in wanted]
    moved = [float(np.sqrt(np.mean((a - b) ** 2))) for a, b in zip(wanted, found, strict=True)]
    return max((m / s for m, s in zip(moved, scales, strict=True) if s > 0), default=0.0)


def _distance(used: Statistics[Any], met: Statistics[Any]) -> float:
    """How far apart statistics are: logarithms of variances and deviations, mean over channels."""
    one, other = used.numbers(), met.numbers()
    scale = one.variance + _SMALLEST
    logs = np.abs(np.log((other.variance + _SMALLEST) / scale))
    return float(np.mean(logs + np.abs(other.mean - one.mean) / np.sqrt(scale)))


def _recalibration(
    old: Mapping[str, Stored],
    new: Mapping[str, Stored],
    made: _Trusted,
    notes: tuple[str, ...],
    undo: Callable[[], None],
) -> Recalibration:
    """For the user; `undo` puts the old statistics back."""
    layers = [
        LayerShift(
            path,
            "invert",
            eval_mean=new[path].mean,
            eval_variance=new[path].variance,
            train_mean=old[path].mean,
            train_variance=old[path].variance,
            error=made.error[path],
        )
        for path in new
    ]
    return Recalibration(
        "inverted",
        ShiftReport(layers, "invert"),
        None,
        {path: (one.mean, one.variance) for path, one in new.items()},
        tuple(sorted(made.frozen | made.left_out)),
        notes=notes,
        _undo=undo,
    )


def _need_fit(fit: StoredFit) -> None:
    """Refuse statistics that no input shows.

    Raises:
        NormdropError: They lag behind the weights; nothing can be told from them.
    """
    if fit.lags:
        raise NormdropError(
            f"the stored statistics do not fit the weights ({fit}): they lag behind them or "
            "belong to others, and without data nothing can mend that: pass batches"
        )


def _need_example(example: object, metric: object) -> None:
    """Refuse what cannot be done without batches.

    Raises:
        UsageError: No example, or a metric.
    """
    if example is None or metric is not None:
        raise UsageError(
            "without batches recalibrate takes an example of what the model takes, and no metric: "
            "pass batches or example="
        )
