"""The map of a model: what is in it, and where noise goes."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from normdrop.values.display import Headline
from normdrop.verbs._evidence import evidence, example_and_batches
from normdrop.verbs._framework import opened
from normdrop.verbs._measure import measure

if TYPE_CHECKING:
    from normdrop.shifts.map import ModelMap
    from normdrop.verbs._types import AnyModel


def view(
    model: "AnyModel",
    example: object = None,
    *,
    batches: Iterable[object] | None = None,
    metric: object = None,
    name: str | None = None,
) -> "ModelMap":
    """The map of a model: its modules and data flow, and noise on its way to the norm layers.

    With batches the shifts on it are measured, as `measure` does; else they are the best estimate
    that takes some seconds, as in `check`.

    Args:
        model: A `torch.nn.Module`, or a built Keras model. Nothing about it changes.
        example: What the model takes; see `predict`. May be left out with batches, and for a Keras
            model that declares its inputs.
        batches: As for `measure`.
        metric: As for `measure`.
        name: What to call the model; by default its class.

    Returns:
        The map: a tree in a terminal, pictures in a notebook, `svg()` for a paper;
        `normdrop.report.write_map` makes a page of it.

    Raises:
        CaptureError: The model raised an error; the message names the module.
        UsageError: No model or one on the `meta` device; an example or batches that are nothing a
            model takes.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
    >>> print(view(model, (8,)).verdict)
    ✗ 1 of 1 norm layer is off by more than 20 % in evaluation; dropout '1' is the cause
    """
    framework = opened(model, "view", example=example).ready()
    example, batches = example_and_batches(framework, example, batches, "view")
    captured = framework.capture(example)
    if batches is None:
        report = evidence(framework, example, captured)
    else:
        report = measure(model, batches, metric, blame=True)
    drawn = replace(report, _graph=lambda: captured.train).map(name or type(model).__name__)
    norms = {node.layer for node in captured.train if node.carries_statistics}
    if len(report) or not norms:
        return drawn
    every = "the norm layer" if len(norms) == 1 else f"any of the {len(norms)} norm layers"
    return replace(drawn, verdict=Headline("ok", f"no noise reaches {every}"))
