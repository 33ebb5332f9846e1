"""Expected shift of trained weights without data: find inputs that the stored statistics allow."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from normdrop.shifts.expected import (
    INITIAL_ABOVE,
    Place,
    Response,
    Shifts,
    Statistics,
    StoredFit,
    causes,
    divergences,
    is_initial,
    mismatch,
    plan,
    report,
    shifts,
    untrusted,
)
from normdrop.shifts.report import ShiftReport
from normdrop.shifts.stream import Arguments
from normdrop.verbs._framework import Inputs, Model, ModelPasses, opened

_FEW = 32
"""Inputs that their place is sought with."""
_MOST_GROUPS = 64
"""Channels that are placed one by one; those of more get one place together."""
_LINEAR = 0.02
"""A norm sees inputs as they are scaled if its variances follow them as nearly as this."""
_LOUD = 64.0
"""Times unit variance: next to such inputs a bias is nothing, also before an activation."""
_FAR = 8.0
"""Times the variance, or squared deviations, that an optimiser does not reach by itself."""
_SMALLEST = 1e-12


def invert(
    model: object, example: object, *, steps: int = 40, seed: int = 0, blame: bool = True
) -> ShiftReport:
    """Expected shift at every norm layer of a trained model, from its stored statistics alone.

    A small batch of pink noise is optimised until its statistics in train mode, dropout on, match
    the stored ones (as DeepInversion, Yin et al. 2020, and ZeroQ, Cai et al. 2020, do for other
    ends); the shift is then what train mode and eval mode make of that batch. The model is left as
    it was found. Memory: a copy of the buffers and the activations of one training step of the
    batch (32 to 256 inputs, the fewer the larger they are).

    Statistics that lag behind the weights have no such batch: the mismatch that remains tells, or,
    where batches were counted, the weight that their initial values still have. Then every layer is
    `unknown`, and the report's notes say why.

    Args:
        model: A model of any framework whose running statistics have been trained.
        example: What the model takes; see `predict`. Only shapes and dtypes matter.
        steps: Of the optimiser (Adam).
        seed: Of inputs and noise; the same seed gives the same report.
        blame: Whether to find each noise layer's share.

    Raises:
        CaptureError: The model is not built, or raised; the message names the layer.
        UsageError: No input is a floating-point one, so that none can be optimised, or the
            framework has no gradients.
    """
    framework = opened(model, "predict").ready()
    return inverted_report(framework, example, steps=steps, seed=seed, blame=blame)


def inverted_report(
    framework: Model,
    example: object,
    *,
    steps: int = 40,
    count: int | None = None,
    seed: int = 0,
    blame: bool = True,
) -> ShiftReport:
    """The same of a model whose door is open, from `count` inputs."""
    with framework.untouched(gradients=True):
        found = inverted(framework, example, steps, seed, count=count)
        passes = found.passes
        if found.fit.lags:
            channels = {path: len(one.mean) for path, one in passes.stored.items()}
            return untrusted(channels, found.fit)
        few = passes.first(found.inputs, plan.INVERTED_BLAMED)
        shares = causes(passes, [few]) if blame else {}
    return report(found.shifts, shares, "invert")


def is_trained(framework: Model) -> bool:
    """Whether the running statistics are those of trained weights.

    One batch that a constructor ran to find a size does not make them so: as long as the initial
    values weigh, what is stored says nothing of the weights.
    """
    return framework.has_learned_statistics() and framework.initial_share() <= INITIAL_ABOVE


def stored_fit(model: object, example: object, *, steps: int = 40, seed: int = 0) -> StoredFit:
    """How well the stored statistics fit the weights; `StoredFit.lags` is the verdict.

    Args:
        model: A model of any framework.
        example: What the model takes, as for `invert`.
        steps: Of the optimiser.
        seed: Of inputs and noise.
    """
    framework = opened(model, "predict").ready()
    with framework.untouched(gradients=True):
        return inverted(framework, example, steps, seed).fit


@dataclass(frozen=True)
class Inverted:
    """What an inversion comes to.

    Attributes:
        passes: Through the model.
        inputs: Those found.
        shifts: What both modes make of them.
        fit: How well the stored statistics fit the weights.
    """

    passes: ModelPasses
    inputs: Arguments
    shifts: Shifts[Statistics[Any]]
    fit: StoredFit


def inverted(
    framework: Model,
    example: object,
    steps: int,
    seed: int,
    *,
    count: int | None = None,
    part: tuple[int, int] = (0, 1),
    steepness: float = 1.0,
) -> Inverted:
    """Invert the stored statistics, inside `untouched`.

    The search starts from noise, or from values that the example has where their statistics are
    nearer.

    Args:
        framework: The model.
        example: What it takes.
        steps: Of the optimiser.
        seed: Of inputs and noise.
        count: How many inputs.
        part: Which part of an example's rows is looked at, and of how many parts.
        steepness: The power of the frequency that the amplitude of the noise falls by.
    """
    initial = framework.initial_share()  # passes in train mode count on
    passes = framework.passes(seed)
    made_up = framework.inputs(example, seed)
    size = count or plan.inversion_inputs(made_up.positions)
    drawn = made_up.draw(size, steepness)
    placed = _placing(passes, made_up, drawn)
    given = made_up.near(size, *part)
    starts: list[Start] = [(drawn, placed)]
    if given is not None:
        inputs, places = given
        starts.append((inputs, lambda inputs: made_up.placed(inputs, places)))
    start, placed = _nearest(passes, starts) if len(starts) > 1 else starts[0]
    inputs = placed(passes.moved(start, steps, placed))
    found = shifts(passes, [inputs], plan.INVERTED_REPEATS)
    fit = StoredFit(mismatch(_distances(passes, found.train).values()), initial)
    return Inverted(passes, inputs, found, fit)


Start: TypeAlias = tuple[Arguments, Callable[[Arguments], Arguments]]
"""Inputs of unit variance, and what places them where the statistics were taken."""


def _nearest(passes: ModelPasses, starts: Sequence[Start]) -> Start:
    """The start whose statistics in train mode are nearest to the stored ones."""

    def far(start: Start) -> float:
        inputs, placed = start
        seen = passes.train(placed(inputs), plan.OTHER_NOISE)
        return sum(math.log1p(each) for each in _distances(passes, seen).values())

    with passes.without_gradients():
        return min(starts, key=far)


def _distances(passes: ModelPasses, seen: Mapping[str, Statistics[Any]]) -> dict[str, float]:
    """Trained norm layer path to its divergence."""
    return {
        path: _distance(one, passes.stored[path], passes.eps[path])
        for path, one in seen.items()
        if not is_initial(passes.stored[path])
    }


def _distance(seen: Statistics[Any], stored: Statistics[Any], eps: float) -> float:
    """The divergence of seen from stored statistics, averaged over channels."""
    return float(np.mean(divergences(seen.numbers(), stored.numbers(), eps, np.log)))


def _placing(
    passes: ModelPasses, made_up: Inputs, start: Arguments
) -> Callable[[Arguments], Arguments]:
    """What puts inputs of unit variance where the statistics nearest to them were taken.

    Norm layers that see inputs scaled as they are tell: pixels from 0 to 255 and raw columns of a
    table are out of reach of an optimiser that starts from unit noise. Where they are within its
    reach nothing is done.
    """
    few, sizes = passes.first(start, _FEW), made_up.channels(start)
    single = sum(sizes) <= _MOST_GROUPS
    groups = sum(sizes) if single else len(sizes)

    def by(offsets: np.ndarray, scales: np.ndarray) -> Callable[[Arguments], Arguments]:
        cuts = np.cumsum(sizes)[:-1]
        split = [
            np.split(each if single else np.repeat(each, sizes), cuts) for each in (offsets, scales)
        ]
        places = [Place(*pair) for pair in zip(*split, strict=True)]
        return lambda inputs: made_up.placed(inputs, places)

    def seen(offsets: np.ndarray, scales: np.ndarray) -> dict[str, Statistics[np.ndarray]]:
        found = passes.train(by(offsets, scales)(few), plan.OTHER_NOISE)
        return {path: one.numbers() for path, one in found.items()}

    with passes.without_gradients():
        zero, one = np.zeros(groups), np.ones(groups)
        base, loud, louder = (seen(zero, factor * one) for factor in (1, _LOUD, 2 * _LOUD))
        stored = {p: s.numbers() for p, s in passes.stored.items() if not is_initial(s)}
        near = [
            path
            for path, each in loud.items()
            if path in stored
            and np.allclose(louder[path].variance, 4 * each.variance, rtol=_LINEAR, atol=0)
        ]
        if not near or _within_reach(near, base, stored):
            return lambda inputs: inputs
        scale = {path: stored[path].variance + passes.eps[path] for path in near}

        def means(found: Mapping[str, Statistics[np.ndarray]]) -> np.ndarray:
            return np.concatenate([found[path].mean / np.sqrt(scale[path]) for path in near])

        def variances(found: Mapping[str, Statistics[np.ndarray]]) -> np.ndarray:
            return np.concatenate([found[path].variance / scale[path] for path in near])

        nothing = means(seen(zero, zero))
        each = _LOUD * np.eye(groups)
        answers = [(seen(unit, zero), seen(zero, unit)) for unit in each]
    response = Response(
        means(stored) - nothing,
        np.stack([(means(moved) - nothing) / _LOUD for moved, _ in answers], 1),
        np.stack([variances(noisy) / _LOUD**2 for _, noisy in answers], 1),
    )
    return by(*response.places())


def _within_reach(
    near: Iterable[str],
    found: Mapping[str, Statistics[np.ndarray]],
    stored: Mapping[str, Statistics[np.ndarray]],
) -> bool:
    """Whether an optimiser that starts here comes to what is stored by itself."""
    for path in near:
        one, other = found[path], stored[path]
        ratio = (one.variance.mean() + _SMALLEST) / (other.variance.mean() + _SMALLEST)
        moved = np.square(one.mean - other.mean) / (other.variance + _SMALLEST)
        if not 1 / _FAR < ratio < _FAR or moved.mean() > _FAR:
            return False
    return True
