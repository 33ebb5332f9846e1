"""Which framework a model is of, found without importing the others."""

from typing import TYPE_CHECKING

from normdrop.errors import UsageError

if TYPE_CHECKING:
    from torch import nn


def torch_model(model: object, verb: str) -> "nn.Module":
    """The model, known to be torch's; torch is not imported for any other.

    Raises:
        UsageError: It is no torch model; the message names the verb.
    """
    roots = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if "torch" in roots:
        from torch import nn

        if isinstance(model, nn.Module):
            return model
    raise UsageError(
        f"{verb} takes a torch.nn.Module, not {type(model).__name__}: pass an instance of it"
    )
