"""The shift at every norm layer on real data, in one pass."""

from typing import Any

import torch
from torch import nn

from normdrop.shifts.expected import causes
from normdrop.shifts.report import ModeTable, ShiftReport
from normdrop.shifts.stream import Batch, FourModes, Mode, Progress, extent, layer_shift
from normdrop.torch.measure._fitting import fitting
from normdrop.torch.measure._memory import memory
from normdrop.torch.stream import BatchRecorder, Listener, Recorder, eager, reading, unwrapped
from normdrop.torch.watch._passes import Passes
from normdrop.torch.watch._switches import Switches
from normdrop.torch.watch._untouched import cuda_devices, untouched

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
    source = reading(batches, inner, limit=limit, device=device, progress=progress)
    sample: list[Batch] = []
    wanted = (_BLAMED_BATCHES, _BLAMED_EXAMPLES) if blame else (1, 1)
    modes: ModeTable | None = None
    listener = Listener(inner)
    with untouched(inner, gradients=False), eager(), torch.no_grad(), listener:
        inner.eval()
        four = None if metric is None else _four_modes(inner, metric, listener)
        recorder = Recorder() if four is None else four.eval.record
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
            modes = four.table(
                memory(inner, seen), fitting(inner, sample[0].arguments), unbiased=True
            )
    shares = _blamed(inner, sample) if blame else {}
    layers = [
        layer_shift(path, one, recorder.stored[path], shares.get(path, {}))
        for path, one in seen.items()
    ]
    return ShiftReport(layers, "measured", (extent(source.count, source.examples),), modes)


def _four_modes(model: nn.Module, metric: object, listener: Listener) -> FourModes[Recorder]:
    """Modes with dropout on draw the same noise; running statistics are read, never updated."""
    switches = Switches(model)
    devices = cuda_devices(model)

    def run(mode: Mode[Recorder], batch: Batch) -> Any:  # noqa: ANN401 - whatever the model returns
        switches.set(dropout=mode.dropout, norm=mode.norm)
        # The loader's own draws must not depend on ours.
        with torch.random.fork_rng(devices):
            torch.manual_seed(batch.number)
            return listener.run(batch, mode.record.answer)

    return FourModes(metric, Recorder, lambda: BatchRecorder(switches), run)


def _blamed(model: nn.Module, sample: list[Batch]) -> dict[str, dict[str, float]]:
    """Norm layer path to noise layer path to its share."""
    with untouched(model, gradients=False), eager():
        return causes(Passes(model), [batch.arguments for batch in sample])
