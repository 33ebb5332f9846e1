"""Which framework a model is of, found without importing the others."""

from typing import TYPE_CHECKING, TypeGuard

from normdrop.errors import UsageError

if TYPE_CHECKING:
    import keras
    from torch import nn


def is_keras(model: object) -> TypeGuard["keras.Model"]:
    """Whether the model is Keras'; Keras is not imported for any other.

    On its torch backend a Keras model is a `torch.nn.Module` as well, so ask this first.
    """
    if "keras" not in _roots(model):
        return False
    import keras

    return isinstance(model, keras.Model)


def torch_model(model: object, verb: str) -> "nn.Module":
    """The model, known to be torch's; torch is not imported for any other.

    Raises:
        UsageError: It is no torch model; the message names the verb.
    """
    if is_keras(model):
        raise UsageError(f"{verb} takes a torch.nn.Module, and {model.name!r} is a Keras model")
    if "torch" in _roots(model):
        from torch import nn

        if isinstance(model, nn.Module):
            return model
    raise UsageError(
        f"{verb} takes a torch.nn.Module, not {type(model).__name__}: pass an instance of it"
    )


def _roots(model: object) -> set[str]:
    """The packages that the classes of a model are from."""
    return {base.__module__.partition(".")[0] for base in type(model).__mro__}
