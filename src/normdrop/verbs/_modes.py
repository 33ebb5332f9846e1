"""Dropout and norm layers in modes of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

from normdrop.errors import unknown
from normdrop.shifts.stream import NormMode
from normdrop.verbs._framework import opened
from normdrop.verbs._types import WrappedModel

_NORMS = get_args(NormMode)


@contextmanager
def modes(
    model: WrappedModel, *, dropout: bool | None = None, norm: NormMode | None = None
) -> Iterator[None]:
    """Put dropout and norm layers in any combination of modes; all is put back on leaving.

    Modules that do neither keep their mode.

    `model.train()` for Monte Carlo dropout also makes every norm layer go by its batch and learn
    from it. Here dropout is on while norm layers keep to what they have stored:

    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Dropout(0.5)).eval()
    >>> x = torch.randn(8, 4)
    >>> with modes(model, dropout=True):
    ...     draws = torch.stack([model(x) for _ in range(10)])
    >>> draws.shape, bool((draws.std(0) > 0).any()), model[1].num_batches_tracked.item()
    (torch.Size([10, 8, 16]), True, 0)

    Args:
        model: A `torch.nn.Module`, or a built Keras model. Of the latter `model(x)` and
            `model.predict` obey, whatever `training` they say.
        dropout: Whether layers that drop units, and all others that make noise, do so; `None`
            leaves them as they are. Functional calls are switched with the module they stand in.
        norm: Whether norm layers go by their running statistics or by their batch's; `None` leaves
            them as they are. Inside, nothing is learned of the batches; frozen layers (see
            `recalibrate`) keep to their running statistics.

    Raises:
        UsageError: No model, or another word for `norm`.
    """
    if norm is not None and norm not in _NORMS:
        raise unknown(f"norm={norm!r}", norm, _NORMS, "None")
    with opened(model, "modes").unwrapped().switched(dropout=dropout, norm=norm):
        yield
