"""Whether a model has values, or only shapes."""

from torch import nn

from normdrop.errors import UsageError


def need_values(model: nn.Module) -> None:
    """Refuse a model on the `meta` device.

    Raises:
        UsageError: A parameter or buffer has no values; the message names it.

    >>> need_values(nn.Linear(2, 2, device="meta"))
    Traceback (most recent call last):
    normdrop.errors.UsageError: weight is on the meta device and has no values: load weights first
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_meta:
            raise UsageError(f"{name} is on the meta device and has no values: load weights first")
