"""New running statistics without data: from inputs that the stored statistics allow."""

import torch
from torch import nn

from normdrop.errors import NormdropError, UsageError
from normdrop.shift import LayerShift, Recalibration, ShiftReport
from normdrop.stream import Stored, under
from normdrop.torch._norm_call import Moments
from normdrop.torch._passes import Arguments, Passes, Statistics
from normdrop.torch._switches import Switches
from normdrop.torch._untouched import untouched
from normdrop.torch.invert import inverted
from normdrop.torch.recalibrate import _statistics as statistics
from normdrop.torch.stream import eager

_STEPS = 80
_ROUNDS = 8
"""Eval passes after which statistics that depend on each other have long settled."""


def without_data(
    model: nn.Module, example: object, frozen: tuple[str, ...] = (), *, seed: int = 0
) -> Recalibration:
    """Correct the stored statistics by what dropout does to inputs found by inversion.

    Inputs are sought that show the stored statistics in train mode, dropout on. What eval mode
    makes of their statistics, relative to train mode, the stored ones are corrected by: variances
    by the ratio, means by the difference in deviations. The inputs' own error then cancels.

    Raises:
        NormdropError: The stored statistics lag behind the weights; nothing can be told from them.
        CaptureError: The model raised.
        UsageError: No input is a floating-point one, or a norm keeps its statistics elsewhere.
    """
    switches = Switches(model)
    buffers = statistics.buffers(model, switches.norms)
    named = under(switches.norms, frozen)
    with untouched(model), eager():
        passes, inputs, found, fit = inverted(model, example, _STEPS, seed)
        if fit.lags:
            raise NormdropError(
                f"the stored statistics do not fit the weights ({fit}): they lag behind them or "
                "belong to others, and without data nothing can mend that: pass batches"
            )
        with torch.no_grad():
            settled = _settled(passes, inputs, found.eval)
        keeping = switches.frozen | named | passes.frozen
        new = {
            path: _stored(_corrected(passes.stored[path], found.train[path], after))
            for path, after in settled.items()
            if path not in keeping
        }
    if unknown := new.keys() - buffers.keys():
        raise UsageError(
            f"{min(unknown)!r} keeps its statistics in no buffers called running_mean and "
            "running_var"
        )
    if not new:
        raise UsageError("every norm layer is frozen: there is nothing to re-estimate")
    undo = statistics.snapshot(model, buffers)
    statistics.write(buffers, new)
    layers = [_layer(path, one, _stored(passes.stored[path])) for path, one in new.items()]
    note = "Without data: " + str(fit) + "."
    return Recalibration(
        "inverted",
        ShiftReport(layers, "invert"),
        None,
        {path: (one.mean, one.variance) for path, one in new.items()},
        tuple(sorted(path for path in settled if path in keeping)),
        notes=(note,),
        _undo=undo,
    )


def _settled(passes: Passes, inputs: Arguments, start: Statistics) -> Statistics:
    """Statistics in eval mode that every layer both meets and goes by."""
    seen = start
    for _ in range(_ROUNDS):
        seen = passes.evaluate(inputs, seen)
    return seen


def _corrected(stored: Moments, train: Moments, evaluated: Moments) -> Moments:
    alive = train.variance > 0
    ratio = torch.where(alive, evaluated.variance / train.variance, 1.0)
    scale = torch.where(alive, stored.variance / train.variance, 1.0).sqrt()
    return Moments(stored.mean + scale * (evaluated.mean - train.mean), ratio * stored.variance)


def _stored(moments: Moments) -> Stored:
    return Stored(moments.mean.cpu().numpy(), moments.variance.cpu().numpy())


def _layer(path: str, new: Stored, stored: Stored) -> LayerShift:
    return LayerShift(
        path,
        "invert",
        eval_mean=new.mean,
        eval_variance=new.variance,
        train_mean=stored.mean,
        train_variance=stored.variance,
    )
