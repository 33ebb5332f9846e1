"""A Keras model once more, with weights of its own."""

from collections.abc import Mapping
from typing import Any

import keras

from normdrop.errors import UsageError
from normdrop.keras.rewrite._plan import Plan
from normdrop.keras.rewrite._rebuild import Rebuild, is_rebuildable


def copied(model: keras.Model) -> tuple[keras.Model, Mapping[int, Any]]:
    """A model of the same class, names and values; what is done to either leaves the other alone.

    It is not compiled.

    Returns:
        The copy, and by the id of each layer of the model the copy's own.

    Raises:
        UsageError: A layer cannot be copied; the message names it.
    """
    build = Rebuild(Plan(), _copy_of, everything=True)
    copy = build(model)
    layers = {id(layer): layer for layer in model._flatten_layers()}  # noqa: SLF001 - no public walk
    pairs = [(layers[key], twin) for key, twin in build.made.items() if key in layers]
    # From the outermost on, as a model hands its setting down to its layers.
    for layer in layers.values():
        twin = build.made.get(id(layer))
        if twin is not None:
            twin.trainable = layer.trainable
    for layer, twin in pairs:
        if not is_rebuildable(layer):
            _copy_values(layer, twin)
    if [each.shape for each in copy.weights] != [each.shape for each in model.weights]:
        raise UsageError(
            f"fix: {model.name} holds weights outside of the layers it calls, which a copy would "
            "not have: pass keras.Model(model.inputs, model.outputs)"
        )
    return copy, build.made


def _copy_of(layer: Any) -> Any:  # noqa: ANN401 - a layer or operation
    try:
        return type(layer).from_config(layer.get_config())
    except Exception as error:
        raise UsageError(
            f"fix: layer {layer.name!r} cannot be copied: give {type(layer).__name__} a get_config "
            "with all that its __init__ takes"
        ) from error


def _copy_values(layer: Any, twin: Any) -> None:  # noqa: ANN401 - layers and operations
    theirs, ours = getattr(layer, "variables", ()), getattr(twin, "variables", ())
    if [each.shape for each in theirs] != [each.shape for each in ours]:
        raise UsageError(
            f"fix: a copy of layer {layer.name!r} has other weights: its get_config does not give "
            "all that its weights depend on"
        )
    for variable, value in zip(ours, theirs, strict=True):
        # A copy by way of numpy: JAX gives away the arrays of a model that predicts or trains, and
        # one that two models share is then gone from both.
        variable.assign(keras.ops.convert_to_numpy(value).copy())
