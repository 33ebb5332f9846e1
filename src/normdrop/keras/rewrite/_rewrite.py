"""A Keras model mended as far as that is safe."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from normdrop.errors import UsageError
from normdrop.keras.capture import capture
from normdrop.keras.rewrite._copy import copied
from normdrop.keras.rewrite._editor import KerasEditor
from normdrop.keras.rewrite._plan import Plan
from normdrop.keras.rewrite._rebuild import Rebuild, refuse_closed
from normdrop.lint.rules import ModelMend, Rule
from normdrop.mending.repairs import Fix, Journal, Request, repair

_VALUES = frozenset({ModelMend.FOLD_BIAS, ModelMend.TURN_MOMENTUM})
"""They put other values into the layers themselves."""


def rewrite(
    model: keras.Model,
    example: Any,  # noqa: ANN401 - see capture
    rules: Sequence[Rule],
    request: Request | None = None,
    *,
    notes: bool = False,
    share_weights: bool = False,
) -> Fix[keras.Model]:
    """Mend what can be mended without changing what the model computes in inference.

    The model given stays as it is; what comes back is of its class, with layers of the same names
    and weights in the same order.

    Args:
        model: A Sequential or Functional model, also one of nested ones.
        example: What the model takes; see `capture`.
        rules: The rules whose findings are mended.
        request: What the user asks for.
        notes: Whether notes are mended too, and not only errors and warnings.
        share_weights: Whether the mended model is made of the layers of the one given, so that
            training either trains both. Only where noise stands is then mended: a folded bias or
            another momentum would change the model given.

    Raises:
        CaptureError: The model is not built, or raised; the message names the layer.
        UsageError: It is subclassed, cannot be copied, or a request names no layer.
    """
    request = request or Request()
    if share_weights and request.remove_bias:
        raise UsageError(
            "fix: a bias cannot be removed from weights that are shared: leave out remove_bias or "
            "share_weights"
        )
    capture(model, example)  # says what is wrong with either before anything is copied
    refuse_closed(model)
    work, twins = copied(model)
    editor = KerasEditor(work, example, rules, Journal())
    done = repair(editor, request, notes=notes, leave=_VALUES if share_weights else frozenset())
    if share_weights:
        mended = _shared(model, editor.plan, twins)
    else:
        mended, _ = copied(editor.model)
    _compile_as(model, mended)
    return done.of(mended)


def _shared(model: keras.Model, plan: Plan, twins: Mapping[int, Any]) -> keras.Model:
    """The model by a plan that was made for its copy, on the model's own layers."""
    layers = {id(layer): layer for layer in model._flatten_layers()}  # noqa: SLF001 - no public walk
    back = {id(twin): layers[key] for key, twin in twins.items() if key in layers}
    exchanged = {
        key: type(layer).from_config(layer.get_config()) for key, layer in plan.exchanged.items()
    }
    fresh = Plan(plan.moved, exchanged).on(back)
    return Rebuild(fresh, lambda layer: layer, everything=False)(model)


def _compile_as(model: keras.Model, mended: keras.Model) -> None:
    """Compile the mended model as the model is, with an optimizer of its own."""
    if model.compiled:
        mended.compile_from_config(model.get_compile_config())
