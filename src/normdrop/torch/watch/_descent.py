"""Inputs moved until train mode shows the statistics that a model has stored."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from normdrop.errors import UsageError
from normdrop.shifts.expected import plan
from normdrop.shifts.stream import Arguments


def descend(
    start: Arguments, steps: int, distances: Callable[[Arguments, int], list[Tensor]]
) -> Arguments:
    """The starting inputs moved against the gradient of the sum of some distances, by Adam.

    Args:
        start: The arguments of one call of the model; those of floating point move.
        steps: How many.
        distances: From the inputs and the number of the step; none where there is nothing to do.

    Raises:
        UsageError: No input is a floating-point one.
    """
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
            found = distances(_replaced(start, free), step)
            if not found:
                break
            optimizer.zero_grad()
            torch.stack(found).sum().backward()  # type: ignore[no-untyped-call] # torch types it so
            optimizer.step()
            schedule.step()
    return _replaced(start, {key: x.detach() for key, x in free.items()})


def first(arguments: Arguments, count: int) -> Arguments:
    """The first examples of a batch."""

    def rows(x: Any) -> Any:  # noqa: ANN401 - settings such as None pass through
        return x[:count] if isinstance(x, Tensor) else x

    args, kwargs = arguments
    return tuple(map(rows, args)), {name: rows(x) for name, x in kwargs.items()}


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
