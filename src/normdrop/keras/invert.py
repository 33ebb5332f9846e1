"""Expected shift of trained weights without data: find inputs that the stored statistics allow."""

from typing import Any

import keras
import numpy as np
from keras import ops

from normdrop.errors import UsageError
from normdrop.keras._backend import backend
from normdrop.keras._descent import descend
from normdrop.keras._stored import has_learned_statistics, initial_share
from normdrop.keras._synthetic import channels_first, positions, synthetic
from normdrop.keras.watch._passes import Arguments, Passes, Seen
from normdrop.keras.watch._untouched import untouched
from normdrop.shifts.expected import (
    Fit,
    Moments,
    Shifts,
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


def invert(
    model: keras.Model,
    example: Any,  # noqa: ANN401 - arrays, shapes, nested
    *,
    steps: int = 40,
    seed: int = 0,
    blame: bool = True,
) -> ShiftReport:
    """Expected shift at every norm layer of a trained model, from its stored statistics alone.

    A small batch of pink noise is optimised until its statistics in training, dropout on, match
    the stored ones (as DeepInversion, Yin et al. 2020, and ZeroQ, Cai et al. 2020, do for other
    ends); the shift is then what training and inference make of that batch. The model is left as
    it was found. Memory: the activations of one training step of the batch (32 to 256 inputs, the
    fewer the larger they are).

    Statistics that lag behind the weights have no such batch: the mismatch that remains tells, or,
    where the model has its optimizer and so a count of batches, the weight that their initial
    values still have. Then every layer is `unknown`, and the report's notes say why.

    Args:
        model: Any built model whose moving statistics have been trained.
        example: What the model takes: a tensor, a shape without the batch axis, `normdrop.Input`,
            or a list, tuple or dict of these. Only shapes and dtypes matter.
        steps: Of the optimiser (Adam).
        seed: Of inputs and noise; the same seed gives the same report.
        blame: Whether to find each noise layer's share.

    Raises:
        CaptureError: The model is not built, or its call raised; the message names the layer.
        UsageError: No input is a floating-point one, so that none can be optimised, or the backend
            has no gradients.
    """
    with untouched(model):
        passes, inputs, found, stored = inverted(model, example, steps, seed)
        if stored.lags:
            return untrusted({path: len(one.mean) for path, one in passes.stored.items()}, stored)
        shares = causes(passes, [_first(inputs, plan.INVERTED_BLAMED)]) if blame else {}
    return report(found, shares, "invert")


def stored_fit(
    model: keras.Model,
    example: Any,  # noqa: ANN401 - arrays, shapes, nested
    *,
    steps: int = 40,
    seed: int = 0,
) -> Fit:
    """How well the stored statistics fit the weights; `Fit.lags` is the verdict.

    Args:
        model: Any built model.
        example: What the model takes, as for `invert`.
        steps: Of the optimiser.
        seed: Of inputs and noise.
    """
    with untouched(model):
        return inverted(model, example, steps, seed)[-1]


def inverted(
    model: keras.Model,
    example: Any,  # noqa: ANN401 - arrays, shapes, nested
    steps: int,
    seed: int,
) -> tuple[Passes, Arguments, Shifts[Moments[np.ndarray]], Fit]:
    """The passes, the inputs found, what both modes make of them, and how well they fit.

    Run it inside `untouched(model)`.
    """
    first = channels_first(model)
    count = plan.inverted(positions(example, first=first))
    start = synthetic(example, count, np.random.default_rng(seed), first=first)
    passes = Passes(model)
    inputs = matched(passes, start, steps)
    found = shifts(passes, [inputs], plan.INVERTED_REPEATS)
    distances = [
        float(np.mean(divergences(one, passes.stored[path], passes.eps[path], np.log)))
        for path, one in found.train.items()
        if not is_initial(passes.stored[path])
    ]
    return passes, inputs, found, Fit(mismatch(distances), initial_share(model))


def matched(passes: Passes, start: Arguments, steps: int) -> Arguments:
    """The starting inputs moved until train mode shows the stored statistics.

    Raises:
        UsageError: None of the inputs is a floating-point one.
    """
    leaves = keras.tree.flatten(start)
    free = [index for index, leaf in enumerate(leaves) if _is_free(leaf)]
    if not free:
        raise UsageError(
            "inversion moves floating-point inputs, and this model takes none: "
            'pass method="simulate", or measure on real data'
        )
    if not has_learned_statistics(passes.model):
        return start

    def arguments(values: list[Any]) -> Arguments:
        moved = dict(zip(free, values, strict=True))
        whole = [
            ops.cast(moved[index], leaf.dtype) if index in moved else leaf
            for index, leaf in enumerate(leaves)
        ]
        return keras.tree.pack_sequence_as(start, whole)

    def gradients(values: list[Any], step: int) -> list[Any]:
        def loss(values: list[Any]) -> Any:  # noqa: ANN401 - a tensor of the backend's
            seen = passes.in_train(arguments(values), plan.OTHER_NOISE + step)
            return sum(_distances(passes, seen), 0.0 * ops.sum(values[0]))

        return backend().gradients(loss, values)

    single = [ops.cast(leaves[index], "float32") for index in free]
    with backend().weights_fixed(passes.model.variables):
        return arguments(descend(gradients, single, steps, plan.RATE))


def _distances(passes: Passes, seen: Seen) -> list[Any]:
    """Every trained layer's divergence, averaged over channels; differentiable."""
    return [
        ops.mean(divergences(one, _tensors(passes.stored[path]), passes.eps[path], ops.log))
        for path, one in seen.items()
        if not is_initial(passes.stored[path])
    ]


def _tensors(stored: Moments[np.ndarray]) -> Moments[Any]:
    return Moments(
        *(ops.convert_to_tensor(part, dtype="float32") for part in (stored.mean, stored.variance))
    )


def _is_free(leaf: Any) -> bool:  # noqa: ANN401 - a tensor, or a setting
    if not hasattr(leaf, "dtype"):
        return False
    return bool(keras.backend.is_float_dtype(keras.backend.standardize_dtype(leaf.dtype)))


def _first(arguments: Arguments, count: int) -> Arguments:
    def rows(leaf: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
        return leaf[:count] if hasattr(leaf, "shape") else leaf

    return keras.tree.map_structure(rows, arguments)
