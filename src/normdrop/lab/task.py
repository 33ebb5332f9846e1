"""What a network is trained for: its loss, and which outputs are right."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

Reduction: TypeAlias = Literal["mean", "sum"]
Loss: TypeAlias = "Callable[[Any, Tensor, Tensor, Reduction], Tensor]"


@dataclass(frozen=True)
class Task:
    """What a network is trained for.

    Attributes:
        name: A word for messages: what the network does.
        data: The kind of data set it takes; `None` for any.
        loss: `(outputs, inputs, targets, reduction)` to the loss: the mean over the examples, or
            their sum. Whatever the network returns are its outputs.
        correct: `(outputs, targets)` to a boolean per example; `None` where nothing is right or
            wrong.
    """

    name: str
    data: Literal["classification", "regression"] | None
    loss: Loss
    correct: "Callable[[Any, Tensor], Tensor] | None" = None


def _cross_entropy(
    outputs: "Tensor", _: "Tensor", targets: "Tensor", reduction: Reduction
) -> "Tensor":
    from torch.nn import functional

    return functional.cross_entropy(outputs.float(), targets, reduction=reduction)


def _is_largest(outputs: "Tensor", targets: "Tensor") -> "Tensor":
    return outputs.argmax(1) == targets


def _squared_error(
    outputs: "Tensor", _: "Tensor", targets: "Tensor", reduction: Reduction
) -> "Tensor":
    from torch.nn import functional

    return functional.mse_loss(outputs.float().squeeze(1), targets, reduction=reduction)


CLASSIFICATION = Task("classifies", "classification", _cross_entropy, _is_largest)
"""Cross-entropy in nats over scores of shape (batch, classes)."""

REGRESSION = Task("predicts a value", "regression", _squared_error)
"""Squared error of outputs of shape (batch, 1), in variances of the training targets."""
