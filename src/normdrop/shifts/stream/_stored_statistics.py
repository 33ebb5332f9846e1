"""What do the stored statistics hold? One diagnosis from what a pass saw and the model says.

Each outcome has a name, its evidence and its remedy (`StatisticsState`). What no evidence decides
is said to be undecided.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from normdrop.errors import UsageError
from normdrop.shifts.expected import INITIAL_ABOVE, StoredFit, initial_share_left
from normdrop.shifts.report import StateName, StatisticsState
from normdrop.shifts.stream._statistics import Array, Facts, NormFacts, Seen, Stored
from normdrop.values.display import percentage
from normdrop.values.severity import severity

_MOVED = 0.2
"""A mean off by so many deviations is as bad as a variance off by the square of it."""
_SURE = 4.0
"""Standard errors beyond which a step is no accident: it is looked at in many layers."""
_SMALL_PART = 0.25
"""Data that change show at the first norm layer; where it moves by less, the weights did."""
_SCATTER = 0.05
"""The part of the variance that lies between batches, beyond which they are small or unlike."""
_FEWEST_CHANNELS = 4
"""What channels have in common is no evidence where there are fewer."""
_SCALED = math.log(1.5)
"""Of the variance: below it prepared otherwise and merely other cannot be told apart."""
_ALIKE = 0.2
"""How far channels may scatter, relative to what they have in common."""
_EXPLAINED = 0.1
"""The part of the squared distance that a law over channels may leave, to be believed."""
_FEW_BATCHES = 8
"""Below it the scatter between batches is not known well enough to tell how large they were."""
_TINY = 8.5
"""Training batches beyond this size leave too little to be recognised by."""
_SMALLEST = 1e-5
"""Added to variances, as norm layers do, so that a dead channel's do not count."""

AskFit: TypeAlias = Callable[[], StoredFit | None]
"""Tells how well the stored statistics fit the weights; `None` where that cannot be found."""

AGREE = "Train and eval mode agree at every norm layer"
OUTPUT_NOISE = ": what is left of a gap is what dropout takes from the outputs themselves."


@dataclass(frozen=True)
class Evidence:
    """Statistics at every norm layer: stored, and on the same batches in three modes.

    Attributes:
        stored: What eval mode goes by.
        seen: What eval mode meets.
        off: What batch mode sees with dropout off.
        train: What it sees with dropout on.
        facts: What the model says.
        examples: Examples per batch.
        gap: Whether a metric differs between running and batch statistics, dropout off.
    """

    stored: Mapping[str, Stored]
    seen: Mapping[str, Seen]
    off: Mapping[str, Seen]
    train: Mapping[str, Seen]
    facts: Facts
    examples: float
    gap: bool


@dataclass(frozen=True)
class _Drift:
    """How far one change moves a layer's statistics.

    Attributes:
        layer: Its path.
        ratio: Variance after over variance before, means over channels.
        moved: Root mean square of the means' moves in deviations.
        doubt: Standard errors of both, as batches scatter.
    """

    layer: str
    ratio: float
    moved: float
    doubt: tuple[float, float]

    @property
    def raw(self) -> float:
        """How far both measures go, the mean's in the units of the variance's."""
        return max(abs(math.log(self.ratio)) if self.ratio > 0 else math.inf, self.moved**2)

    @property
    def size(self) -> float:
        """How much it matters; 0 if it may be chance."""
        ratio = abs(math.log(self.ratio)) if self.ratio > 0 else math.inf
        ratio *= severity(self.ratio) != "note" and abs(self.ratio - 1) > _SURE * self.doubt[0]
        return max(ratio, self.moved**2 * (self.moved > max(_MOVED, _SURE * self.doubt[1])))

    def words(self, than: str) -> str:
        """Both measures, the second where it says something."""
        means = f", means {self.moved:.2f} deviations away" if self.moved > _MOVED else ""
        return f"{self.ratio:.2f} times the variance {than}{means}"


def need_finite(stored: Mapping[str, Stored]) -> None:
    """Refuse statistics that are no numbers.

    Raises:
        UsageError: A layer has stored NaN or infinity; the message names it.
    """
    broken = next(not_finite(stored), None)
    if broken is not None:
        raise UsageError(
            f"{broken.evidence}: the fault is in what is stored, not in the data; {broken.remedy}"
        )


def not_finite(stored: Mapping[str, Stored]) -> Iterator[StatisticsState]:
    """The layers that have stored NaN or infinity, in the model's order."""
    for path, one in stored.items():
        for what, values in (("running mean", one.mean), ("running variance", one.variance)):
            bad = np.flatnonzero(~np.isfinite(values))
            if bad.size:
                yield StatisticsState(
                    "not-finite",
                    (path,),
                    f"the stored {what} of norm layer {path!r} is NaN or infinite in "
                    f"{bad.size} of {values.size} channels, the first {bad[0]}",
                    "load an earlier file, or recalibrate if the weights are sound",
                )
                break


def noted(
    stored: Mapping[str, Stored], seen: Mapping[str, Seen], facts: Facts
) -> tuple[StatisticsState, ...]:
    """What one pass in eval mode tells by itself: what was never or hardly ever updated.

    Args:
        stored: What norm layers go by.
        seen: What they met.
        facts: What the model says of them.
    """
    off = [step for path, one in seen.items() if (step := _met(path, stored, one, facts)).size]
    never = _never_updated(off, stored, facts, "in eval mode")
    known = {path for state in never for path in state.layers}
    few = _few_by_count([step for step in off if step.layer not in known], stored, facts)
    return (*never, *few, *_thawed(seen, facts))


def diagnosed(evidence: Evidence, fitting: AskFit) -> tuple[StatisticsState, ...]:
    """What explains the difference between the modes, the largest part first.

    From the stored statistics to what eval mode meets there are three steps: to train mode on these
    batches (what is stored belongs to other weights or data), from there to dropout off (the
    noise), and from the batches' statistics to those over all (small or unlike batches). Each is
    looked at where it is largest. Where eval mode meets what is stored nothing is blamed.

    Args:
        evidence: The statistics.
        fitting: Tells stale statistics from other data; asked only where one of them is there and
            nothing cheaper decides.
    """
    facts = evidence.facts
    met = {p: _met(p, evidence.stored, one, facts) for p, one in evidence.seen.items()}
    free = [path for path in evidence.train if not facts.of(path).frozen]
    parts: list[tuple[float, StatisticsState]] = []
    noise = max((_noise(path, evidence) for path in free), key=_size, default=None)
    if noise is not None and noise.size:
        parts.append((noise.size, _noise_state(noise, evidence, met[noise.layer])))
    off = [met[path] for path in evidence.train if met[path].size]
    never = _never_updated(off, evidence.stored, facts, "in eval mode")
    known = {path for state in never for path in state.layers}
    parts.extend((met[state.layers[0]].size, state) for state in never)
    lags = [_lag(path, evidence) for path in free]
    lagging = [lag for lag in lags if lag.size and met[lag.layer].size and lag.layer not in known]
    if lagging:
        lag = max(lagging, key=_size)
        parts.append((lag.size, _lag_state(lag, lagging, lags[0], evidence, fitting)))
    still = [step for step in off if facts.of(step.layer).frozen and step.layer not in known]
    if still:
        parts.append((max(step.size for step in still), _frozen(still)))
    layer, scatter = _most_scattered(evidence.off)
    if scatter > _SCATTER:
        parts.append((scatter, _scatter_state(layer, scatter)))
    single = tuple(path for path, one in evidence.off.items() if not one.pooled)
    if single and evidence.gap:
        parts.append((0.0, _instance(single)))
    ordered = tuple(state for _, state in sorted(parts, key=lambda part: -part[0]))
    return (*ordered, *_thawed(evidence.seen, facts))


def _never_updated(
    off: Iterable[_Drift], stored: Mapping[str, Stored], facts: Facts, when: str
) -> tuple[StatisticsState, ...]:
    """Layers that hold what a new layer holds, and meet something else."""
    new = sorted((step for step in off if _is_new(stored[step.layer])), key=_size, reverse=True)
    if not new:
        return ()
    worst, layers = new[0], tuple(step.layer for step in new)
    name: StateName = "never-updated"
    counted = "; it has counted no batch" if facts.of(worst.layer).updates == 0 else ""
    why = ""
    if any(facts.of(path).averaged for path in layers):
        name, why = "averaged", "; the weights are an average that was made without them"
    elif any(facts.of(path).trained for path in layers):
        why = "; its scale and offset were trained"
    return (
        StatisticsState(
            name,
            layers,
            f"{_each(layers)} still the initial statistics of a new layer, mean 0 and variance 1, "
            f"and {when} {worst.layer!r} meets {worst.words('of 1')}{counted}{why}",
            "call the model in train mode while it trains (training=True in Keras), load its "
            "statistics with its weights, or recalibrate on training data",
        ),
    )


def _few_by_count(
    off: Iterable[_Drift], stored: Mapping[str, Stored], facts: Facts
) -> tuple[StatisticsState, ...]:
    """Layers whose initial values still weigh something, as the batches they counted tell."""
    shares = [(_share(stored[s.layer], facts.of(s.layer)), s) for s in off]
    young = [(share, step) for share, step in shares if share > INITIAL_ABOVE]
    if not young:
        return ()
    share, step = max(young, key=lambda one: one[0])
    return (_few(share, step, tuple(s.layer for _, s in young), facts.of(step.layer)),)


def _share(stored: Stored, facts: NormFacts) -> float:
    """How much initial values still weigh, as counted; 0 where nothing is known."""
    if facts.updates is None or facts.kept is None:
        return 0.0
    return initial_share_left(facts.kept, facts.updates, stored.variance)


def _few(share: float, step: _Drift, layers: tuple[str, ...], facts: NormFacts) -> StatisticsState:
    kept = facts.kept
    counted = facts.updates is not None
    evidence = (
        f"{step.layer!r} meets {step.words('it has stored')}; the values it began with still "
        f"weigh {percentage(share, 0)}"
    )
    if kept is None or not 0 < kept < 1 or not 0 < share < 1:
        return StatisticsState("few-updates", layers, evidence, "let the statistics settle first")
    done = facts.updates or max(1, round(math.log(share) / math.log(kept)))
    missing = max(1, math.ceil(math.log(INITIAL_ABOVE) / math.log(kept)) - done)
    least = 1 - INITIAL_ABOVE ** (1 / done)
    about = "" if counted else "about "
    return StatisticsState(
        "few-updates",
        layers,
        f"{evidence} after {about}{done} updates in which a new batch counts {1 - kept:.2g}",
        f"{about}{missing} more updates settle them, or updates in which a batch counts "
        f"{least:.2g} (momentum {least:.2g} in torch, {1 - least:.2g} in Keras); recalibrate does "
        "so at once",
    )


def _lag_state(
    lag: _Drift, lagging: list[_Drift], first: _Drift, evidence: Evidence, fitting: AskFit
) -> StatisticsState:
    """What is behind stored statistics that train mode does not show, the strongest word first."""
    facts = evidence.facts
    few = _few_by_count(lagging, evidence.stored, facts)
    if few:
        return few[0]
    met = f"in train mode {lag.layer!r} meets {lag.words('it has stored')}"
    layers = (lag.layer, *(each.layer for each in lagging if each is not lag))
    if any(facts.of(path).averaged for path in layers):
        return StatisticsState(
            "averaged",
            layers,
            f"{met}; the weights are an average that was made without the statistics",
            "recalibrate on training data, or average the buffers too (use_buffers=True in torch)",
        )
    laws = _laws(first, layers, met, evidence) if first in lagging else []
    if len(laws) == 1:
        return laws[0]
    if laws:
        return StatisticsState(
            "undecided",
            layers,
            f"{met}, in every channel alike",
            "inputs scaled otherwise, too few updates and tiny training batches can all do that, "
            "and which it was cannot be told here",
        )
    if first.raw < _SMALL_PART * lag.size:
        return StatisticsState(
            "stale", layers, f"{met}; the first norm layer, nearest to the data, has not moved"
        )
    return _by_fit(layers, met, fitting())


def _laws(
    first: _Drift, layers: tuple[str, ...], met: str, evidence: Evidence
) -> list[StatisticsState]:
    """What would explain all channels of the norm layer nearest to the data by one number."""
    found: list[StatisticsState] = []
    facts = evidence.facts
    size = _training_batch(first, evidence)
    if size is not None:
        found.append(
            StatisticsState(
                "small-training-batches",
                layers,
                f"{met}; what is missing, in every channel, is what lies between examples of "
                f"batches of about {size:.0f}",
                "train with larger batches, or recalibrate",
            )
        )
    train, stored = evidence.train[first.layer], evidence.stored[first.layer]
    scale = scaled(train, stored, unbiased=facts.unbiased) if facts.real else None
    if scale is not None:
        found.append(
            StatisticsState(
                "other-scale",
                layers,
                f"{met}; at {first.layer!r}, nearest to the data, it is about {scale:.2g} times in "
                "every channel alike, as for inputs that are scaled otherwise than in training",
                "prepare them as in training, and recalibrate on them only if the model is to be "
                "used on such data",
            )
        )
    share = _share_by_values(first.layer, evidence)
    if share is not None:
        found.append(_few(share, first, layers, facts.of(first.layer)))
    return found


def _by_fit(layers: tuple[str, ...], met: str, fit: StoredFit | None) -> StatisticsState:
    """What inputs sought for the stored statistics tell."""
    if fit is None:
        return StatisticsState("undecided", layers, met, "which of the two cannot be told here")
    if fit.lags:
        return StatisticsState(
            "stale", layers, f"{met}; no inputs would give these weights the stored statistics"
        )
    return StatisticsState(
        "other-data",
        layers,
        f"{met}; other inputs would give these weights the stored statistics, so these batches "
        "are not like the data they come from",
        "prepare them as in training, and recalibrate on them only if the model is to be used on "
        "such data",
    )


def _training_batch(first: _Drift, evidence: Evidence) -> float | None:
    """How many examples training batches had, where the stored variances tell; else `None`.

    A batch of n examples misses 1/n of the variance between examples. What the batches at hand have
    between them tells that variance, channel by channel; what the stored variances miss is to be
    one and the same part of it.
    """
    train, stored = evidence.train[first.layer], evidence.stored[first.layer]
    if train.batches < _FEW_BATCHES or not train.pooled:
        return None
    # The mean of few single examples is off by chance, by so much if batches were of one.
    single = _part(train.between, stored.variance) * evidence.examples
    chance = math.sqrt(evidence.facts.memory.get(first.layer, 0.0) * single)
    if first.moved > max(_MOVED, _SURE * chance):
        return None
    one_value = train.count <= 1.5 * evidence.examples * train.batches
    if one_value and evidence.facts.unbiased:  # then small batches miss nothing on average
        return None
    between = train.between * evidence.examples
    missing = train.variance - stored.variance
    part = slope(between, missing)
    if part is None or not 1 / _TINY < part < 1 + _ALIKE:
        return None
    return 1 / part


def _share_by_values(path: str, evidence: Evidence) -> float | None:
    """What initial values still weigh, where all channels lie on one line from them; else `None`.

    Where a layer counts its updates that is believed instead.
    """
    if evidence.facts.of(path).updates is not None:
        return None
    stored, train = evidence.stored[path], _as_stored(evidence.train[path], evidence.facts)
    scale = train.variance + _SMALLEST
    whole = np.concatenate([train.mean / np.sqrt(scale), (train.variance - 1) / scale])
    done = np.concatenate([stored.mean / np.sqrt(scale), (stored.variance - 1) / scale])
    part = slope(whole, done)
    return None if part is None or not 0 < part < 1 - INITIAL_ABOVE else 1 - part


def scaled(seen: Seen, stored: Stored, *, unbiased: bool) -> float | None:
    """The ratio of what a layer meets to what it has stored, if all channels have one.

    That is what inputs that are scaled otherwise do to a norm layer before which no other is; other
    weights or other data do it to some channels more than to others.

    Args:
        seen: What the layer met in the mode that its stored statistics are of.
        stored: What it has stored.
        unbiased: Whether these are averages of unbiased variances.
    """
    alive = stored.variance > _SMALLEST
    if alive.sum() < _FEWEST_CHANNELS or _is_new(stored):
        return None
    met = _unbiased(seen, unbiased=unbiased).variance[alive] + _SMALLEST
    logs = np.log(met) - np.log(stored.variance[alive] + _SMALLEST)
    common, scatter = float(logs.mean()), float(logs.std())
    alike = abs(common) > _SCALED and scatter < _ALIKE * abs(common)
    return math.exp(common) if alike else None


def between_batches(seen: Mapping[str, Seen]) -> float:
    """The parts of the variance that lie between batches, summed over the norm layers."""
    return sum(_part(one.between, one.variance) for one in seen.values() if one.pooled)


def farthest(
    used: Mapping[str, Stored], seen: Mapping[str, Seen], *, whole: bool
) -> tuple[str, float] | None:
    """The layer that fits worst what it meets in eval mode, and its shift; `None` where all fit.

    Args:
        used: What layers went by.
        seen: What they met.
        whole: Whether that was all that the statistics were taken from, which leaves no doubt.
    """
    steps = []
    for path, stored in used.items():
        one = seen[path]
        scale = 0.0 if whole else 1 / max(1, one.batches)
        doubt = one.spread * scale, one.between * scale
        steps.append(_step(path, stored, Stored(one.mean, one.variance), doubt))
    worst = max(steps, key=_size, default=None)
    return (worst.layer, worst.ratio) if worst is not None and worst.size else None


def is_young(stored: Stored, facts: NormFacts) -> bool:
    """Whether statistics are new, or what they began with still weighs."""
    return _is_new(stored) or _share(stored, facts) > INITIAL_ABOVE


def slope(x: Array, y: Array) -> float | None:
    """The slope of y over x, of one value per channel, where all lie near one line through 0.

    >>> slope(np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 4.0, 6.0, 8.0]))
    2.0
    >>> slope(np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, -4.0, 6.0, -8.0])) is None
    True
    """
    if x.size < _FEWEST_CHANNELS or not float(x @ x) or not float(y @ y):
        return None
    slope = float(x @ y) / float(x @ x)
    left = y - slope * x
    return slope if float(left @ left) < _EXPLAINED * float(y @ y) else None


def _noise_state(noise: _Drift, evidence: Evidence, met: _Drift) -> StatisticsState:
    if not met.size:
        return StatisticsState(
            "re-estimated",
            (noise.layer,),
            f"what {noise.layer!r} has stored is what it meets in eval mode, and with dropout off "
            f"it meets {noise.words('it meets in train mode')}",
            "nothing is wrong; train mode differs by its noise, as it should",
        )
    del evidence
    return StatisticsState(
        "noise",
        (noise.layer,),
        f"with dropout off {noise.layer!r} meets {noise.words('it meets in train mode')}; "
        "train mode's are the statistics it keeps",
    )


def _frozen(still: list[_Drift]) -> StatisticsState:
    worst = max(still, key=_size)
    layers = (worst.layer, *(each.layer for each in still if each is not worst))
    return StatisticsState(
        "frozen",
        layers,
        f"{worst.layer!r} keeps to its statistics in train mode too and meets "
        f"{worst.words('it has stored')}",
        "no fault where that is on purpose, since both modes go by the same",
    )


def _thawed(paths: Iterable[str], facts: Facts) -> tuple[StatisticsState, ...]:
    layers = tuple(path for path in paths if facts.of(path).thawed)
    if not layers:
        return ()
    return (
        StatisticsState(
            "thawed",
            layers,
            f"the parameters of {_named(layers)} are frozen, and in train mode their statistics "
            "learn on",
            "put these layers in eval mode after every train() if they are to stay as they are",
        ),
    )


def _instance(layers: tuple[str, ...]) -> StatisticsState:
    return StatisticsState(
        "instance",
        layers,
        f"{_named(layers)} normalise each sample by itself in train mode and all by the stored "
        "statistics in eval mode, so that the two modes differ without any dropout",
        "build such layers with track_running_stats=False, which normalises each sample in both",
    )


def _scatter_state(layer: str, scatter: float) -> StatisticsState:
    return StatisticsState(
        "small-batches",
        (layer,),
        f"{percentage(scatter, 0)} of the variance at {layer!r} lies between batches, so that in "
        "train mode examples are normalised by statistics that vary with their company",
    )


def _named(layers: tuple[str, ...]) -> str:
    more = f" and {len(layers) - 1} more" if len(layers) > 1 else ""
    return f"{layers[0]!r}{more}"


def _each(layers: tuple[str, ...]) -> str:
    return f"{_named(layers)} {'have' if len(layers) > 1 else 'has'}"


def _is_new(stored: Stored) -> bool:
    return bool((stored.mean == 0).all() and (stored.variance == 1).all())


def _size(step: _Drift) -> float:
    return step.size


def _met(path: str, stored: Mapping[str, Stored], seen: Seen, facts: Facts) -> _Drift:
    """From the stored statistics to what eval mode meets."""
    scale = 1 / max(1, seen.batches) + facts.memory.get(path, 0.0)
    doubt = seen.spread * scale, seen.between * scale
    return _step(path, stored[path], Stored(seen.mean, seen.variance), doubt)


def _lag(path: str, evidence: Evidence) -> _Drift:
    """From the stored statistics to those of train mode."""
    train = evidence.train[path]
    scale = 1 / max(1, train.batches) + evidence.facts.memory.get(path, 0.0)
    doubt = train.spread * scale, train.between * scale
    return _step(path, evidence.stored[path], _as_stored(train, evidence.facts), doubt)


def _noise(path: str, evidence: Evidence) -> _Drift:
    """From dropout on to dropout off, on the same batches."""
    train, off = evidence.train[path], evidence.off[path]
    scale = 1 / max(1, train.batches)
    doubt = (train.spread + off.spread) * scale, (train.between + off.between) * scale
    return _step(path, _as_stored(train, evidence.facts), _as_stored(off, evidence.facts), doubt)


def _step(path: str, before: Stored, after: Stored, error: tuple[float, Array]) -> _Drift:
    base = float(before.variance.mean())
    alive = before.variance > 0
    if not alive.any():
        return _Drift(path, 1.0, 0.0, (0.0, 0.0))
    moved = np.square(after.mean - before.mean)[alive] / before.variance[alive]
    chance = error[1][alive] / before.variance[alive]
    doubt = math.sqrt(error[0]) / base, math.sqrt(chance.mean())
    return _Drift(path, float(after.variance.mean()) / base, math.sqrt(moved.mean()), doubt)


def _as_stored(seen: Seen, facts: Facts) -> Stored:
    """Statistics as running ones come to be: means of batches, and their variances."""
    return _unbiased(seen, unbiased=facts.unbiased)


def _unbiased(seen: Seen, *, unbiased: bool) -> Stored:
    size = seen.count / max(1, seen.batches)
    factor = size / max(1.0, size - 1) if unbiased else 1.0
    return Stored(seen.mean, seen.within * factor)


def _most_scattered(seen: Mapping[str, Seen]) -> tuple[str, float]:
    """The layer with the largest part of its variance between batches, and that part."""
    parts = {path: _part(one.between, one.variance) for path, one in seen.items()}
    layer = max(parts, key=lambda path: parts[path], default="")
    return layer, parts.get(layer, 0.0)


def _part(between: Array, total: Array) -> float:
    return float(between.mean() / total.mean()) if total.mean() > 0 else 0.0
