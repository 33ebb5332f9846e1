"""Expected shift of fresh weights: run train mode, then eval mode, on made-up inputs."""

import torch
from torch import nn

from normdrop.shifts.expected import causes, plan, report, shifts
from normdrop.shifts.report import ShiftReport
from normdrop.torch._synthetic import positions, synthetic
from normdrop.torch.watch._passes import Passes
from normdrop.torch.watch._untouched import untouched


def simulate(
    model: nn.Module, example: object, *, seed: int = 0, blame: bool = True
) -> ShiftReport:
    """Expected shift at every norm layer with running statistics, by running the model.

    The model runs in train mode, its statistics are collected, and it runs in eval mode with those
    statistics, both on the same made-up inputs: pink noise of mean 0 and variance 1 per channel.
    The weights are taken as they are; the stored running statistics play no part. Costs about
    ten forward passes of a sample of 32 to 1024 inputs, the fewer the larger they are. The model is
    left as it was found, and costs a copy of its buffers in memory.

    Args:
        model: Any module.
        example: What the model takes: a tensor, a shape without the batch axis, `normdrop.Input`,
            or a tuple or dict of these. Only shapes and dtypes matter.
        seed: Of inputs and noise; the same seed gives the same report.
        blame: Whether to find each noise layer's share, which is more than half of the cost.

    Raises:
        CaptureError: The model raised; the message names the module.
        UsageError: The example is nothing a model could take.

    >>> model = nn.Sequential(nn.Linear(8, 64, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(64))
    >>> layer = simulate(model, (8,))["2"]
    >>> round(layer.shift, 1), dict(layer.causes)
    (0.5, {'1': 1.0})
    """
    generator = torch.Generator().manual_seed(seed)
    device = device_of(model)
    count = plan.simulated(positions(example))
    with untouched(model):
        torch.manual_seed(seed)
        passes = Passes(model)
        found = shifts(
            passes, [synthetic(example, count, generator, device)], plan.SIMULATED_REPEATS
        )
        fewer = plan.simulated_blamed(count, len(passes.noise.layers))
        small = synthetic(example, fewer, generator, device)
        shares = causes(passes, [small]) if blame else {}
    return report(found, shares, "simulate")


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter or buffer is; the CPU without any."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")
