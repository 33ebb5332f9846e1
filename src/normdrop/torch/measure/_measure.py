"""The shift at every norm layer on real data, in one pass."""

import torch
from torch import nn

from normdrop.expected import causes
from normdrop.shift import ModeTable, ShiftReport
from normdrop.torch._passes import Passes
from normdrop.torch._untouched import untouched
from normdrop.torch.measure._four_modes import FourModes
from normdrop.torch.stream import (
    Batch,
    Batches,
    Listener,
    Progress,
    Recorder,
    eager,
    extent,
    layer_shift,
    unwrapped,
)

_BLAMED_BATCHES = 4
_BLAMED_EXAMPLES = 512


def measure(
    model: nn.Module,
    batches: object,
    metric: object = None,
    *,
    limit: int | None = None,
    device: torch.device | str | None = None,
    blame: bool = False,
    progress: Progress | None = None,
) -> ShiftReport:
    """The shift at every norm layer on real data; see `normdrop.measure`."""
    inner = unwrapped(model)
    source = Batches(batches, inner, limit=limit, device=device, progress=progress)
    sample: list[Batch] = []
    wanted = (_BLAMED_BATCHES, _BLAMED_EXAMPLES) if blame else (1, 1)
    modes: ModeTable | None = None
    listener = Listener(inner)
    with untouched(inner, gradients=False), eager(), torch.no_grad(), listener:
        inner.eval()
        four = None if metric is None else FourModes(inner, metric, listener)
        recorder = Recorder() if four is None else four.eval.recorder
        for batch in source:
            if len(sample) < wanted[0] and sum(one.size for one in sample) < wanted[1]:
                sample.append(batch)
            if four is not None:
                four.add(batch)
                continue
            recorder.batch = batch.number
            listener.run(batch, recorder.answer)
        seen = recorder.seen()
        if four is not None:
            modes = four.table(sample[0])
    shares = _blamed(inner, sample) if blame else {}
    layers = [
        layer_shift(path, one, recorder.stored[path], shares.get(path, {}))
        for path, one in seen.items()
    ]
    return ShiftReport(layers, "measured", (extent(source.count, source.examples),), modes)


def _blamed(model: nn.Module, sample: list[Batch]) -> dict[str, dict[str, float]]:
    """Norm layer path to noise layer path to its share."""
    with untouched(model, gradients=False), eager():
        return causes(Passes(model), [batch.arguments for batch in sample])
