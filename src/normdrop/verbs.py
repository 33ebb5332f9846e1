"""The verbs: each picks the twin that knows the model's framework."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from normdrop.errors import UsageError
from normdrop.findings import Findings
from normdrop.shift import ShiftReport

if TYPE_CHECKING:
    from torch import nn

    from normdrop.rules import Rule


def predict(model: object, example: object, method: str | None = None) -> ShiftReport:
    """The expected shift at every norm layer, without data.

    Args:
        model: A `torch.nn.Module`. Nothing about it changes.
        example: What the model takes: a tensor, an array, a tuple (positional) or dict (keyword)
            of these, or in their place `normdrop.Input` or a tuple of ints, without the batch
            axis. Only shapes and element types matter.
        method: `"simulate"` runs the model in both modes on made-up inputs; `"invert"` first finds
            inputs that the stored statistics allow. By default the first for fresh weights and
            the second for trained ones; the result names it.

    Returns:
        The layers, worst first, with the noise layers to blame.

    Raises:
        CaptureError: The model raised an error; the message names the module.
        UsageError: No model, an unknown method, or an example that is nothing of the above.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Dropout(0.5), nn.BatchNorm2d(16))
    >>> report = predict(model, (3, 8, 8))
    >>> report["2"].severity, report.method, dict(report["2"].causes)
    ('error', 'simulate', {'1': 1.0})
    """
    if not _is_torch(model):
        raise UsageError(
            f"predict takes a torch.nn.Module, not {type(model).__name__}: pass an instance of it"
        )
    from normdrop.torch.expected import expected_shift

    return expected_shift(model, example, method)


def check(model: object, example: object) -> Findings:
    """What is wrong with a model, where, how much it is expected to cost, and how to mend it.

    Args:
        model: A `torch.nn.Module`. Nothing about it changes.
        example: What the model takes; see `predict`.

    Returns:
        The findings, errors first.

    Raises:
        CaptureError: The model raised an error; the message names the module.
        UsageError: No model, or an example that is nothing a model takes.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(8))
    >>> [(finding.code, finding.severity, finding.layers) for finding in check(model, (8,))]
    [('ND101', 'error', ('1', '2'))]
    """
    from normdrop.rules import selected

    return check_with(model, example, selected())


def check_with(model: object, example: object, rules: "Sequence[Rule]") -> Findings:
    """What some rules find wrong with a model; see `check`."""
    if not _is_torch(model):
        raise UsageError(
            f"check takes a torch.nn.Module, not {type(model).__name__}: pass an instance of it"
        )
    from normdrop.moments import expected_shifts
    from normdrop.rules import check_captured
    from normdrop.torch.capture import capture

    captured = capture(model, example)
    shifts = expected_shifts(captured)
    return check_captured(captured, shifts, rules, training=model.training)


def assert_clean(model: object, example: object, ignore: Iterable[str] = ()) -> None:
    """Fail a test if `check` finds an error or a warning.

    Args:
        model: A `torch.nn.Module`.
        example: What the model takes; see `predict`.
        ignore: What is accepted: codes or their beginnings, and paths of layers at fault or of the
            modules around them.

    Raises:
        AssertionError: Something is found; the message lists it.

    >>> from torch import nn
    >>> assert_clean(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.5)), (8,))
    """
    findings = check(model, example).without(ignore)
    if not findings.is_clean:
        raise AssertionError(f"\n{findings}")


def load_weights(model: object, path: Path) -> None:
    """Load a state dict from a file; nothing in the file is executed.

    Raises:
        UsageError: No model, or a file that is missing, unreadable or another model's.
    """
    if not _is_torch(model):
        raise UsageError(f"weights are for a torch.nn.Module, not for {type(model).__name__}")
    from normdrop.torch.weights import load_weights as load

    load(model, path)


def _is_torch(model: object) -> TypeGuard["nn.Module"]:
    """Whether the model is torch's, found without importing torch for any other."""
    roots = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if "torch" not in roots:
        return False
    from torch import nn

    return isinstance(model, nn.Module)
