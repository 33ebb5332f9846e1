"""What the verbs take, for type checkers; no framework is imported at run time."""

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn


class LayeredModel(Protocol):
    """A Keras model, by what it has: Keras publishes no types to name it by."""

    @property
    def layers(self) -> Any:  # noqa: ANN401 - a list of Keras' layers
        """The layers."""

    def get_config(self) -> Any:  # noqa: ANN401 - a dict of Keras' own
        """How the model is made."""


AnyModel: TypeAlias = "nn.Module | LayeredModel"
"""A `torch.nn.Module`, or a Keras model."""
WrappedModel: TypeAlias = "AnyModel | Callable[..., Any]"
"""The same, also wrapped: what `torch.compile` returns is a callable to a type checker."""
ModelT = TypeVar("ModelT", bound="nn.Module | LayeredModel")
Device: TypeAlias = "torch.device | str | int"
"""Where torch puts batches."""
PredictMethod: TypeAlias = Literal["moments", "simulate", "invert"]
"""How `predict` finds the shift."""
RecalibrateMethod: TypeAlias = Literal["batch", "exact"]
"""How `recalibrate` reads the batches."""
