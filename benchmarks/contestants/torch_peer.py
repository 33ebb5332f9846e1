"""The network in plain PyTorch: `torch.nn` layers and an ordinary loop over data in memory."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from _protocol import BATCH, MAPS, RATES, THREADS, Epoch, Request, Stopwatch, serve
from torch import Tensor, nn


def _layer(token: str, channels: int, maps: int, rate: float, norm: int) -> nn.Module:
    match token:
        case "conv":
            return nn.Conv2d(channels, maps, 3)
        case "bn":
            return nn.BatchNorm2d(norm, eps=1e-3, momentum=0.01)
        case "act":
            return nn.ELU()
        case "drop":
            return nn.Dropout(rate)
        case _:
            return nn.MaxPool2d(2)


def _model(order: str) -> nn.Module:
    layers: list[nn.Module] = []
    channels = 1
    for maps, rate in zip(MAPS, RATES, strict=True):
        layers += [_layer(token, channels, maps, rate, maps) for token in order.split("-")]
        channels = maps
    features = MAPS[-1] * 5 * 5
    model = nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(features, 512), nn.ELU(), nn.Linear(512, 10)
    )
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    return model


def _evaluate(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    model.eval()
    loss = right = 0.0
    with torch.no_grad():
        for inputs, targets in zip(images.split(1000), labels.split(1000), strict=True):
            outputs = model(inputs)
            loss += nn.functional.cross_entropy(outputs, targets, reduction="sum").item()
            right += (outputs.argmax(1) == targets).sum().item()
    return loss / len(labels), right / len(labels)


def _train(request: Request, data: dict[str, np.ndarray]) -> Iterator[Epoch]:
    torch.manual_seed(request.seed)
    images = torch.from_numpy(data["train_inputs"][: request.images]).float() / 255
    labels = torch.from_numpy(data["train_targets"][: request.images])
    test_images = torch.from_numpy(data["test_inputs"]).float() / 255
    test_labels = torch.from_numpy(data["test_targets"])
    model = _model(request.order)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    watch = Stopwatch()
    for _ in range(request.epochs):
        model.train()
        for chosen in torch.randperm(len(images)).split(BATCH):
            loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
            if not math.isfinite(loss.item()):
                message = "the loss is not finite"
                raise ArithmeticError(message)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        test_loss, accuracy = _evaluate(model, test_images, test_labels)
        yield Epoch(watch.lap(), test_loss, accuracy)


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    serve(_train)
