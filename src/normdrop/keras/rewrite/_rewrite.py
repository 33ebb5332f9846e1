"""A Keras model under repair: a copy, or the same layers in another order."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from normdrop.errors import UsageError
from normdrop.keras.capture import capture
from normdrop.keras.rewrite._copy import copied
from normdrop.keras.rewrite._editor import KerasEditor
from normdrop.keras.rewrite._plan import Plan
from normdrop.keras.rewrite._rebuild import Rebuild, refuse_closed
from normdrop.keras.watch import random_state_kept
from normdrop.lint.rules import ModelMend, Rule
from normdrop.mending.repairs import Journal

_VALUES = frozenset({ModelMend.FOLD_BIAS, ModelMend.TURN_MOMENTUM})
"""They put other values into the layers themselves."""


class Editing:
    """A model under repair; see `normdrop.verbs`."""

    def __init__(
        self, model: keras.Model, example: object, rules: Sequence[Rule], *, share_weights: bool
    ) -> None:
        work, self._twins = copied(model)
        self._model = model
        self._share_weights = share_weights
        self.editor = KerasEditor(work, example, rules, Journal())
        self.leave = _VALUES if share_weights else frozenset()

    def result(self) -> keras.Model:
        """The mended model, compiled as the model is."""
        if self._share_weights:
            mended = _shared(self._model, self.editor.plan, self._twins)
        else:
            mended, _ = copied(self.editor.model)
        _compile_as(self._model, mended)
        return mended


@contextmanager
def editing(
    model: keras.Model,
    example: object,
    rules: Sequence[Rule],
    *,
    remove_bias: bool,
    share_weights: bool,
) -> Iterator[Editing]:
    """Change a copy of a model without changing what it computes in inference.

    The model given stays as it is; what comes back is of its class, with layers of the same names
    and weights in the same order.

    Args:
        model: A Sequential or Functional model, also one of nested ones.
        example: What the model takes; see `capture`.
        rules: The rules whose findings are mended.
        remove_bias: Whether biases may be removed.
        share_weights: Whether the mended model is made of the layers of the one given, so that
            training either trains both. Only where noise stands is then mended: a folded bias or
            another momentum would change the model given.

    Raises:
        CaptureError: The model is not built, or raised; the message names the layer.
        UsageError: It is subclassed, or cannot be copied.
    """
    if share_weights and remove_bias:
        raise UsageError(
            "fix: a bias cannot be removed from weights that are shared: leave out remove_bias or "
            "share_weights"
        )
    capture(model, example)  # says what is wrong with either before anything is copied
    refuse_closed(model)
    with random_state_kept():
        yield Editing(model, example, rules, share_weights=share_weights)


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
