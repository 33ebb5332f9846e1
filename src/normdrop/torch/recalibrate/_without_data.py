"""New running statistics without data: from inputs that the stored statistics allow."""

import torch
from torch import nn

from normdrop.errors import UsageError
from normdrop.shifts.report import Recalibration
from normdrop.shifts.stream import STEPS, correction, need_fit, settled, under
from normdrop.torch import _running as statistics
from normdrop.torch.invert import inverted
from normdrop.torch.stream import eager
from normdrop.torch.watch._switches import Switches
from normdrop.torch.watch._untouched import untouched


def without_data(
    model: nn.Module, example: object, frozen: tuple[str, ...] = (), *, seed: int = 0
) -> Recalibration:
    """Correct the stored statistics by what dropout does to inputs found by inversion.

    Raises:
        NormdropError: The stored statistics lag behind the weights; nothing can be told from them.
        CaptureError: The model raised.
        UsageError: No input is a floating-point one, or a norm keeps its statistics elsewhere.
    """
    switches = Switches(model)
    buffers = statistics.buffers(model, switches.norms)
    named = under(switches.norms, frozen)
    with untouched(model), eager():
        passes, inputs, found, fit = inverted(model, example, STEPS, seed)
        need_fit(fit)
        with torch.no_grad():
            after = settled(lambda seen: passes.evaluate(inputs, seen), found.eval)
    keeping = switches.frozen | named | passes.frozen
    made = correction(passes.stored, found.train, after, fit, frozenset(keeping))
    if unknown := made.new.keys() - buffers.keys():
        raise UsageError(
            f"{min(unknown)!r} keeps its statistics in no buffers called running_mean and "
            "running_var"
        )
    undo = statistics.snapshot(model, buffers)
    statistics.write(buffers, made.new)
    return made.recalibration(undo)
