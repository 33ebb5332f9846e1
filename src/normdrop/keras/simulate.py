"""Expected shift of fresh weights: run train mode, then eval mode, on made-up inputs."""

from typing import Any

import keras
import numpy as np

from normdrop.keras._synthetic import channels_first, positions, synthetic
from normdrop.keras.watch._passes import Passes
from normdrop.keras.watch._untouched import untouched
from normdrop.shifts.expected import causes, plan, report, shifts
from normdrop.shifts.report import ShiftReport


def simulate(
    model: keras.Model,
    example: Any,  # noqa: ANN401 - arrays, shapes, nested
    *,
    seed: int = 0,
    blame: bool = True,
) -> ShiftReport:
    """Expected shift at every `BatchNormalization`, by running the model.

    The model runs in training, its statistics are collected, and it runs in inference with those
    statistics, both on the same made-up inputs: pink noise of mean 0 and variance 1 per channel.
    The weights are taken as they are; the stored moving statistics play no part. Costs three
    forward passes of a sample of 32 to 1024 inputs, the fewer the larger they are; blame costs two
    more, or two of 8 inputs for each noise layer where those are more. The model is left as it was
    found.

    Args:
        model: Any built model.
        example: What the model takes: a tensor, a shape without the batch axis, `normdrop.Input`,
            or a list, tuple or dict of these. Only shapes and dtypes matter.
        seed: Of inputs and noise; the same seed gives the same report.
        blame: Whether to find each noise layer's share.

    Raises:
        CaptureError: The model is not built, or its call raised; the message names the layer.
        UsageError: An example no model could take.

    >>> layers = keras.layers
    >>> model = keras.Sequential(
    ...     [layers.Dense(64, use_bias=False), layers.Dropout(0.5), layers.BatchNormalization()]
    ... )
    >>> model.build((None, 8))
    >>> [round(layer.shift, 1) for layer in simulate(model, (8,))]
    [0.5]
    """
    generator = np.random.default_rng(seed)
    first = channels_first(model)
    count = plan.simulated(positions(example, first=first))
    with untouched(model):
        passes = Passes(model)
        sample = synthetic(example, count, generator, first=first)
        found = shifts(passes, [sample], plan.SIMULATED_REPEATS)
        fewer = plan.simulated_blamed(count, len(passes.noise.layers))
        small = synthetic(example, fewer, generator, first=first)
        shares = causes(passes, [small]) if blame else {}
    return report(found, shares, "simulate")
