"""Expected shift of fresh weights: run train mode, then eval mode, on made-up inputs."""

import math

import torch
from torch import nn

from normdrop.shift import ShiftReport
from normdrop.torch._passes import Passes
from normdrop.torch._shifts import causes, report, shifts
from normdrop.torch._synthetic import positions, synthetic
from normdrop.torch._untouched import untouched

_POSITIONS = 2**16
_FEWEST, _MOST = 32, 1024
_REPEATS = 2
_BLAME_COST = 2
"""Forward passes of the whole sample that blame costs at most; the shift itself costs three."""


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
    count = sample_size(example)
    with untouched(model):
        torch.manual_seed(seed)
        passes = Passes(model)
        found = shifts(passes, [synthetic(example, count, generator, device)], _REPEATS)
        # Train and eval mode, once with all noise layers and once without each.
        runs = 2 * (1 + len(passes.noise.layers))
        fewer = max(_FEWEST // 4, min(count, _BLAME_COST * count // runs))
        small = synthetic(example, fewer, generator, device)
        shares = causes(passes, [small]) if blame else {}
    return report(found, shares, "simulate")


def sample_size(example: object) -> int:
    """Inputs: enough positions for the statistics, between 32 and 1024 inputs."""
    wanted = _POSITIONS / max(1, positions(example))
    return int(min(_MOST, max(_FEWEST, 2 ** math.floor(math.log2(wanted)))))


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter or buffer is; the CPU without any."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")
