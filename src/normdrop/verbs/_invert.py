"""Expected shift of trained weights without data: find inputs that the stored statistics allow."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from normdrop.shifts.expected import (
    INITIAL_ABOVE,
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
from normdrop.verbs._framework import Model, ModelPasses, opened


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
        found = inverted(framework, example, steps, seed, count)
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
    framework: Model, example: object, steps: int, seed: int, count: int | None = None
) -> Inverted:
    """Invert the stored statistics, inside `untouched`."""
    initial = framework.initial_share()  # passes in train mode count on
    passes = framework.passes(seed)
    made_up = framework.inputs(example, seed)
    start = made_up.draw(count or plan.inversion_inputs(made_up.positions))
    inputs = passes.moved(start, steps)
    found = shifts(passes, [inputs], plan.INVERTED_REPEATS)
    distances = [
        _distance(seen, passes.stored[path], passes.eps[path])
        for path, seen in found.train.items()
        if not is_initial(passes.stored[path])
    ]
    return Inverted(passes, inputs, found, StoredFit(mismatch(distances), initial))


def _distance(seen: Statistics[Any], stored: Statistics[Any], eps: float) -> float:
    """The divergence of seen from stored statistics, averaged over channels."""
    return float(np.mean(divergences(seen.numbers(), stored.numbers(), eps, np.log)))
