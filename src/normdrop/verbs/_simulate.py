"""Expected shift without data, by running the model in both modes on made-up inputs."""

from collections.abc import Sequence

from normdrop.shifts.expected import causes, plan, report, shifts
from normdrop.shifts.report import ShiftReport
from normdrop.shifts.stream import Arguments
from normdrop.verbs._framework import Model, opened


def simulate(model: object, example: object, *, seed: int = 0, blame: bool = True) -> ShiftReport:
    """Expected shift at every norm layer with running statistics, by running the model.

    The model runs in train mode, its statistics are collected, and it runs in eval mode with those
    statistics, both on the same made-up inputs: pink noise of mean 0 and variance 1 per channel.
    The weights are taken as they are; the stored running statistics play no part. Costs three
    forward passes of a sample of 32 to 1024 inputs, the fewer the larger they are; blame costs two
    more, or two of 8 inputs for each noise layer where those are more. The model is left as it was
    found, and costs a copy of its buffers in memory.

    Args:
        model: A model of any framework.
        example: What the model takes; see `predict`. Only shapes and dtypes matter.
        seed: Of inputs and noise; the same seed gives the same report.
        blame: Whether to find each noise layer's share.

    Raises:
        CaptureError: The model is not built, or raised; the message names the layer.
        UsageError: The example is nothing a model could take.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 64, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(64))
    >>> layer = simulate(model, (8,))["2"]
    >>> round(layer.shift, 1), dict(layer.causes)
    (0.5, {'1': 1.0})
    """
    return simulated(opened(model, "predict").ready(), example, seed=seed, blame=blame)


def simulated(
    framework: Model, example: object, *, seed: int = 0, blame: bool = True
) -> ShiftReport:
    """The same of a model whose door is open."""
    inputs = framework.inputs(example, seed)
    count = plan.simulated(inputs.positions)
    with framework.untouched():
        passes = framework.passes(seed)
        found = shifts(passes, [inputs.draw(count)], plan.SIMULATED_REPEATS)
        small = inputs.draw(plan.simulated_blamed(count, len(passes.noise_layers)))
        shares = causes(passes, [small]) if blame else {}
    return report(found, shares, "simulate")


def simulated_on(framework: Model, batches: Sequence[Arguments]) -> ShiftReport:
    """The same on inputs of the user's."""
    with framework.untouched():
        passes = framework.passes(0)
        found = shifts(passes, batches, plan.SIMULATED_REPEATS)
        return report(found, causes(passes, batches), "simulate")
