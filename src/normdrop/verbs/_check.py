"""What is wrong with a model, as a table or as a failing test."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from normdrop.values.findings import Findings
from normdrop.verbs._evidence import evidence, example_and_batches
from normdrop.verbs._framework import opened

if TYPE_CHECKING:
    from normdrop.lint.rules import Rule
    from normdrop.verbs._types import AnyModel


def check(
    model: "AnyModel", example: object = None, *, batches: "Iterable[object] | None" = None
) -> Findings:
    """What is wrong with a model, where, how much it is expected to cost, and how to mend it.

    That dropout reaches a norm layer is read off the model's calls, whatever lies between. Its cost
    is measured where there are batches, and else the best estimate that takes some seconds; each
    `Finding` names its method, and states no shift where none can be trusted.

    Args:
        model: A `torch.nn.Module`, or a built Keras model. Nothing about it changes.
        example: What the model takes; see `predict`. May be left out with batches, and for a Keras
            model that declares its inputs.
        batches: As for `measure`; they are read once.

    Returns:
        The findings, errors first.

    Raises:
        CaptureError: The model raised an error; the message names the module.
        UsageError: No model or one on the `meta` device; an example that is nothing a model
            takes.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(8))
    >>> [(finding.code, finding.severity, finding.layers) for finding in check(model, (8,))]
    [('ND101', 'error', ('1', '2'))]
    """
    from normdrop.lint.rules import selected

    return _checked(model, example, selected(), "check", batches)


def check_with(
    model: "AnyModel", example: object, rules: "Sequence[Rule]", *, fast: bool = False
) -> Findings:
    """What some rules find wrong with a model, by its calls alone where it is to be fast."""
    return _checked(model, example, rules, "check", fast=fast)


def _checked(
    model: object,
    example: object,
    rules: "Sequence[Rule]",
    verb: str,
    batches: "Iterable[object] | None" = None,
    *,
    fast: bool = False,
) -> Findings:
    from normdrop.lint.rules import check_captured

    framework = opened(model, verb, example=example).ready()
    example, batches = example_and_batches(framework, example, batches, verb)
    captured = framework.capture(example)
    found = evidence(framework, example, captured, batches, fast=fast)
    checked = check_captured(
        captured,
        found,
        rules,
        modes=framework.training,
        untrained=framework.untrained,
        overruled=framework.overruled,
        norms=framework.statistics().stored,
    )
    notes = found.notes if found.method != "measured" else ()
    return replace(checked, notes=(*checked.notes, *notes))


def assert_clean(model: "AnyModel", example: object = None, ignore: Iterable[str] = ()) -> None:
    """Fail a test if `check` finds an error or a warning.

    Args:
        model: A `torch.nn.Module`, or a built Keras model.
        example: What the model takes; see `predict`. May be left out for a Keras model that
            declares its inputs.
        ignore: What is accepted: codes or their beginnings, and paths of layers at fault or of the
            modules around them.

    Raises:
        AssertionError: Something is found; the message lists it.

    >>> from torch import nn
    >>> assert_clean(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.5)), (8,))
    """
    from normdrop.lint.rules import selected

    findings = _checked(model, example, selected(), "assert_clean").without(ignore)
    if not findings.is_clean:
        raise AssertionError(f"\n{findings}")
