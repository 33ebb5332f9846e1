"""What the story tells: every number of one trained network, measured through normdrop."""

import copy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from story.network import VARIANTS
from story.training import EPOCHS, Batch, batches, trained
from torch import Tensor, nn

import normdrop

_IMAGES = 10_000
_SHAPE = (3, 32, 32)


@dataclass(frozen=True)
class Measured:
    """One network; accuracies as parts of 1.

    Attributes:
        shifts: Norm layer path to its measured shift on training images, in the model's order.
        predicted: The same from the stored statistics alone; empty where they lag.
        train_images: Accuracy on training images in train mode and in eval mode.
        train_mode: Test accuracy in train mode.
        eval_mode: Test accuracy in eval mode, as trained.
        with_data: The same after recalibration on training images.
        without_data: The same after recalibration without data.
        fit: What was said of how well the stored statistics fit the weights.
    """

    shifts: dict[str, float]
    predicted: dict[str, float]
    train_images: tuple[float, float]
    train_mode: float
    eval_mode: float
    with_data: float
    without_data: float
    fit: str


def story() -> dict[str, Any]:
    """All networks that are told of, trained first where they have not been."""
    return {
        "epochs": EPOCHS,
        "images": _IMAGES,
        "torch": torch.__version__,
        "networks": {variant: asdict(measured(variant)) for variant in VARIANTS},
    }


def measured(variant: str) -> Measured:
    """One network's numbers."""
    model = trained(variant)
    seen, test = list(batches("train", _IMAGES)), list(batches("test"))
    on_train = normdrop.measure(model, seen, accuracy).modes
    on_test = normdrop.measure(model, test, accuracy).modes
    if on_train is None or on_test is None:
        raise TypeError("measure with a metric gives its modes")
    with_data, without_data = copy.deepcopy(model), copy.deepcopy(model)
    before = normdrop.recalibrate(with_data, seen, method="exact").before
    free = normdrop.recalibrate(without_data, None, example=_SHAPE)
    norms = [name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)]
    predicted = {layer.path: layer.shift for layer in normdrop.predict(model, _SHAPE, "invert")}
    return Measured(
        {name: before[name].shift for name in norms},
        {name: predicted[name] for name in norms},
        (on_train.train_mode, on_train.eval_mode),
        on_test.train_mode,
        on_test.eval_mode,
        _right(with_data, test),
        _right(without_data, test),
        free.notes[0],
    )


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """The part of the rows whose largest output is the target's."""
    return (outputs.argmax(1) == targets).double().mean()


def _right(model: nn.Module, test: list[Batch]) -> float:
    """Accuracy in eval mode, by a plain loop."""
    model.eval()
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in test)
    return right / sum(len(y) for _, y in test)
