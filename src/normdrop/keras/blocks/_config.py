"""A block's arguments in a configuration: layers and functions among them as Keras writes them."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras


def written(cls: type, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor's own, as they go into `get_config`."""
    names = [
        name
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    return {name: _written(arguments[name]) for name in names}


def read(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments from a configuration; only classes that Keras knows are built."""
    return {name: _read(value) for name, value in config.items()}


def _written(value: Any) -> Any:  # noqa: ANN401 - an argument
    if isinstance(value, keras.layers.Layer) or callable(value):
        return keras.saving.serialize_keras_object(value)
    return list(value) if isinstance(value, tuple) else value


def _read(value: Any) -> Any:  # noqa: ANN401 - an argument
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return value
