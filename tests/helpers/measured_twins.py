"""One network in both frameworks with equal weights and settings, and batches for both."""

from typing import Any

import keras
import numpy as np
import torch
from keras import layers
from torch import nn

RATE = 0.4
EPSILON, MOMENTUM = 1e-3, 0.1


def twins() -> tuple[keras.Model, nn.Sequential]:
    """Convolutions and a perceptron on top; norm layers `first`, `second`, `third`."""
    generator = np.random.default_rng(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.Dropout(RATE, name="drop"),
            _norm("first"),
            layers.Conv2D(5, 3, padding="same"),
            _norm("second"),
            layers.Activation("relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(16),
            layers.Dropout(RATE, name="late"),
            _norm("third"),
            layers.Dense(4),
        ]
    )
    twin = nn.Sequential(
        *(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Dropout(RATE), _torch_norm(6)),
        *(nn.Conv2d(6, 5, 3, padding=1), _torch_norm(5), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 16), nn.Dropout(RATE)),
        *(nn.BatchNorm1d(16, eps=EPSILON, momentum=MOMENTUM), nn.Linear(16, 4)),
    )
    ours = [layer for layer in model.layers if layer.weights]
    theirs = [module for module in twin if next(module.parameters(), None) is not None]
    for layer, module in zip(ours, theirs, strict=True):
        drawn = [_drawn(weight, generator) for weight in layer.get_weights()]
        layer.set_weights(drawn)
        names = ("weight", "bias", "running_mean", "running_var")
        tensors = {
            name: torch.from_numpy(value.transpose(_AXES[value.ndim]).copy())
            for name, value in zip(names, drawn, strict=False)
        }
        module.load_state_dict(tensors, strict=False)
    return model, twin


PATHS = {"first": "3", "second": "5", "third": "11"}
_AXES = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}


def batches(count: int = 4, size: int = 16, last: int = 7) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images, channels last, and classes; the last batch is smaller."""
    generator = np.random.default_rng(1)
    sizes = [size] * (count - 1) + [last]
    return [
        (
            generator.normal(0.5, 1.5, (each, 8, 8, 3)).astype("float32"),
            generator.integers(0, 4, each),
        )
        for each in sizes
    ]


def for_torch(pairs: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[Any, Any]]:
    """The same batches, channels first."""
    return [(torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(y)) for x, y in pairs]


def _norm(name: str) -> layers.Layer:
    return layers.BatchNormalization(epsilon=EPSILON, momentum=1 - MOMENTUM, name=name)


def _torch_norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)


def _drawn(weight: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Weights of which variances, scales and means of norm layers are all possible."""
    scale = np.sqrt(2 / np.prod(weight.shape[:-1])) if weight.ndim > 1 else 0.3
    drawn = generator.normal(0, scale, weight.shape) + (weight.ndim == 1)
    return np.abs(drawn).astype("float32") if weight.ndim == 1 else drawn.astype("float32")
