"""Expected shift of trained weights without data: find inputs that the stored statistics allow."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from normdrop.errors import UsageError
from normdrop.shifts.expected import Fit, Shifts, causes, plan, report, shifts, untrusted
from normdrop.shifts.report import ShiftReport
from normdrop.torch._fit import divergence, initial_share, mismatch, trained
from normdrop.torch._synthetic import positions, synthetic
from normdrop.torch.simulate import device_of
from normdrop.torch.watch._norm_call import Moments
from normdrop.torch.watch._passes import Arguments, Passes
from normdrop.torch.watch._untouched import untouched


def invert(
    model: nn.Module, example: object, *, steps: int = 40, seed: int = 0, blame: bool = True
) -> ShiftReport:
    """Expected shift at every norm layer of a trained model, from its stored statistics alone.

    A small batch of pink noise is optimised until its statistics in train mode, dropout on, match
    the stored ones (as DeepInversion, Yin et al. 2020, and ZeroQ, Cai et al. 2020, do for other
    ends); the shift is then what train mode and eval mode make of that batch. The model is left as
    it was found. Memory: a copy of the buffers and the activations of one training step of the
    batch (32 to 256 inputs, the fewer the larger they are).

    Statistics that lag behind the weights have no such batch: the mismatch that remains tells, or
    the weight that their initial values still have. Then every layer is `unknown`, and the
    report's notes say why.

    Args:
        model: Any module whose running statistics have been trained.
        example: What the model takes: a tensor, a shape without the batch axis, `normdrop.Input`,
            or a tuple or dict of these. Only shapes and dtypes matter.
        steps: Of the optimiser (Adam).
        seed: Of inputs and noise; the same seed gives the same report.
        blame: Whether to find each noise layer's share.

    Raises:
        CaptureError: The model raised; the message names the module.
        UsageError: No input is a floating-point one, so that none can be optimised.
    """
    with untouched(model):
        passes, inputs, found, stored = inverted(model, example, steps, seed)
        if stored.lags:
            return untrusted({path: len(one.mean) for path, one in passes.stored.items()}, stored)
        shares = causes(passes, [_first(inputs, plan.INVERTED_BLAMED)]) if blame else {}
    return report(found, shares, "invert")


def stored_fit(model: nn.Module, example: object, *, steps: int = 40, seed: int = 0) -> Fit:
    """How well the stored statistics fit the weights; `Fit.lags` is the verdict.

    Args:
        model: Any module.
        example: What the model takes, as for `invert`.
        steps: Of the optimiser.
        seed: Of inputs and noise.
    """
    with untouched(model):
        return inverted(model, example, steps, seed)[-1]


def inverted(
    model: nn.Module, example: object, steps: int, seed: int
) -> tuple[Passes, Arguments, Shifts[Moments], Fit]:
    """The passes, the inputs found, what both modes make of them, and how well they fit.

    Run it inside `untouched(model)`.
    """
    initial = initial_share(model)  # passes in train mode count on
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model.requires_grad_(requires_grad=False)
    passes = Passes(model)
    count = plan.inverted(positions(example))
    start = synthetic(example, count, generator, device_of(model))
    inputs = _matched(passes, start, steps)
    found = shifts(passes, [inputs], plan.INVERTED_REPEATS)
    return passes, inputs, found, Fit(mismatch(passes, found.train), initial)


def _matched(passes: Passes, start: Arguments, steps: int) -> Arguments:
    """The starting inputs moved until train mode shows the stored statistics."""
    free = {id(x): x.float().requires_grad_() for x in _floats(start)}
    if not free:
        raise UsageError(
            "inversion moves floating-point inputs, and this model takes none: "
            'pass method="simulate", or measure on real data'
        )
    optimizer = torch.optim.Adam(free.values(), plan.RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    with torch.enable_grad():
        for step in range(steps):
            seen = passes.train(_replaced(start, free), seed=plan.OTHER_NOISE + step)
            layers = trained(passes, seen)
            if not layers:
                break
            loss = torch.stack([divergence(passes, path, seen[path]) for path in layers]).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch types it so
            optimizer.step()
            schedule.step()
    return _replaced(start, {key: x.detach() for key, x in free.items()})


def _floats(arguments: Arguments) -> list[Tensor]:
    args, kwargs = arguments
    leaves = [*args, *kwargs.values()]
    return [x for x in leaves if isinstance(x, Tensor) and x.is_floating_point()]


def _replaced(arguments: Arguments, free: Mapping[int, Tensor]) -> Arguments:
    """The arguments with the optimised tensors in place of those they started from."""

    def leaf(x: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
        return free[id(x)].to(x.dtype) if id(x) in free else x

    args, kwargs = arguments
    return tuple(map(leaf, args)), {name: leaf(x) for name, x in kwargs.items()}


def _first(arguments: Arguments, count: int) -> Arguments:
    args, kwargs = arguments

    def rows(x: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
        return x[:count] if isinstance(x, Tensor) else x

    return tuple(map(rows, args)), {name: rows(x) for name, x in kwargs.items()}
