"""Seeing a torch model as a graph."""

from typing import Any

from torch import nn

from normdrop.errors import CaptureError
from normdrop.shifts.graph import Captured, Graph, Mode
from normdrop.torch.capture._example import Example
from normdrop.torch.capture._run import Run
from normdrop.torch.capture._scope import Frame

_UNREAL = ("meta", "data-dependent", "autocast", "scalartype")
"""Words in the errors of code that stand-ins cannot take part in."""


def capture(model: nn.Module, example: Any) -> Captured:  # noqa: ANN401 - tensors, arrays, shapes
    """The calls a model makes, in train and in eval mode.

    The model runs once in each mode on a copy of its structure whose tensors are on the `meta`
    device: no weights are allocated, no numbers computed. Where a model needs numbers, a real
    example is run through a real copy instead. The model itself is only read. A model that is in
    train mode is captured with the modes its layers have, so that frozen layers stay frozen.

    Args:
        model: Any module.
        example: One tensor, array or `normdrop.Input`, or a tuple of whole numbers that is its
            shape without the batch axis; a tuple of those, as positional arguments; or a dict of
            those, as named ones.

    Returns:
        The graphs of both runs, of the same batch size. An example of one sample is doubled where
        a norm cannot train on one.

    Raises:
        CaptureError: The model's forward raised, in the words of the model, with the path of the
            module; or it needs numbers and the example has none.
        UsageError: The example is nothing a model takes.

    >>> captured = capture(nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8)), (8,))
    >>> [node.kind.value for node in captured.train]
    ['input', 'noise', 'norm']
    >>> captured.eval[1].noise.active
    False
    """
    read = Example(example)
    train = _graph(model, read, Mode.TRAIN)
    if train.batch_size != read.batch_size:
        read = read.doubled()
    return Captured(train, _graph(model, read, Mode.EVAL))


def _graph(model: nn.Module, example: Example, mode: Mode) -> Graph:
    """The graph on `meta`, or else on real tensors when there are some."""
    try:
        return _tried(model, example, mode, real=False)
    except CaptureError:
        if not example.real:
            raise
    return _tried(model, example, mode, real=True)


def _tried(model: nn.Module, example: Example, mode: Mode, *, real: bool) -> Graph:
    """The graph of one run; once more with twice the batch if one sample is too few."""
    run = Run(model, mode, real=real)
    try:
        return run.graph(example)
    except Exception as error:
        if "more than 1 value per channel" in str(error) and example.batch_size == 1:
            return _tried(model, example.doubled(), mode, real=real)
        raise CaptureError(_reason(run.origin(error), error, real=example.real)) from error


def _reason(failed: Frame | None, error: Exception, *, real: bool) -> str:
    """One line: which module failed, with what, and what to pass instead."""
    where = "the model"
    if failed is not None:
        where = f"{failed.path or 'the model'} ({type(failed.module).__name__})"
    words = " ".join(str(error).split()) or type(error).__name__
    if not real and _needs_numbers(error):
        return (
            f"{where} needs numbers, and a shape has none: pass a real example input instead "
            f"({type(error).__name__}: {words})"
        )
    return f"{where} raised {type(error).__name__}: {words}"


def _needs_numbers(error: Exception) -> bool:
    """Whether an error comes from tensors without values, not from the model or its input."""
    words = str(error).lower()
    return isinstance(error, NotImplementedError) or any(each in words for each in _UNREAL)
