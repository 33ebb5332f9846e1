"""One network in both frameworks, with equal weights and settings."""

import keras
import numpy as np
import torch
from keras import layers
from torch import nn

from normdrop.keras.capture._layers import paths_of

Pair = tuple[keras.Model, nn.Module, tuple[int, ...], tuple[int, ...]]
RATE = 0.4
FLATTENED = (25, 6)  # positions and channels before the dense layers of the first network
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def copy_weights(model: keras.Model, twin: nn.Module) -> None:
    """Give the layers of both the same drawn weights, in order."""
    generator = np.random.default_rng(0)
    known = {id(each): each for each in model._flatten_layers()}  # noqa: SLF001 - no public walk
    every = [known[key] for key in paths_of(model) if key in known]
    ours = [layer for layer in every if layer.weights and not _inside(layer)]
    theirs = [m for m in twin.modules() if isinstance(m, (nn.Linear, nn.Conv2d, *NORMS))]
    for layer, module in zip(ours, theirs, strict=True):
        drawn = [_drawn(weight.path, tuple(weight.shape), generator) for weight in layer.weights]
        layer.set_weights(drawn)
        names = ["weight", "bias", "running_mean", "running_var"]
        state = dict(zip(names, drawn, strict=False))
        if not isinstance(module, NORMS):
            state["weight"] = _kernel(drawn[0])
        tensors = {name: torch.tensor(value) for name, value in state.items()}
        module.load_state_dict(tensors, strict=False)


def _kernel(values: np.ndarray) -> np.ndarray:
    """As torch lays a kernel out; behind `Flatten`, Keras counts position by position."""
    if values.shape[0] == FLATTENED[0] * FLATTENED[1]:
        return values.reshape(*FLATTENED, -1).transpose(2, 1, 0).reshape(values.shape[::-1])
    return values.transpose((1, 0) if values.ndim == 2 else (3, 2, 0, 1))


def _inside(layer: keras.layers.Layer) -> bool:
    return any(True for _ in layer._flatten_layers(include_self=False))  # noqa: SLF001 - no public walk


def _drawn(path: str, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    if "kernel" in path:
        fan = np.prod(shape[:-1])
        return generator.normal(0.02, np.sqrt(2 / fan), shape).astype("float32")
    if "gamma" in path:
        return generator.uniform(0.5, 1.5, shape).astype("float32")
    if "variance" in path:
        return np.ones(shape, "float32")
    return (
        np.zeros(shape, "float32")
        if "moving" in path
        else generator.normal(0, 0.2, shape).astype("float32")
    )


def plain() -> Pair:
    """Convolutions, two kinds of dropout and a dense head, layer after layer."""
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Dropout(RATE),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, padding="same"),
            layers.SpatialDropout2D(0.2),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Flatten(),
            layers.Dense(16, use_bias=False),
            layers.Dropout(RATE),
            layers.BatchNormalization(),
            layers.Dense(5),
        ]
    )
    twin = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ReLU(),
        nn.Dropout(RATE),
        nn.BatchNorm2d(8, eps=1e-3, momentum=0.01),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3, padding=1),
        nn.Dropout2d(0.2),
        nn.BatchNorm2d(6, eps=1e-3, momentum=0.01),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(150, 16, bias=False),
        nn.Dropout(RATE),
        nn.BatchNorm1d(16, eps=1e-3, momentum=0.01),
        nn.Linear(16, 5),
    )
    return model, twin, (12, 12, 3), (3, 12, 12)


def vectors() -> Pair:
    """Dense layers and Gaussian noise, as a Functional model."""
    inputs = keras.Input((16,))
    x = layers.Dense(32, activation="elu")(inputs)
    x = layers.GaussianDropout(RATE)(x)
    x = layers.Dense(32)(x)
    x = layers.BatchNormalization()(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.Dropout(0.2)(x)
    x = layers.BatchNormalization()(x)
    model = keras.Model(inputs, layers.Dense(3)(x))
    twin = nn.Sequential(
        nn.Linear(16, 32),
        nn.ELU(),
        normdrop_gaussian(RATE),
        nn.Linear(32, 32),
        nn.BatchNorm1d(32, eps=1e-3, momentum=0.01),
        nn.LeakyReLU(0.1),
        nn.Dropout(0.2),
        nn.BatchNorm1d(32, eps=1e-3, momentum=0.01),
        nn.Linear(32, 3),
    )
    return model, twin, (16,), (16,)


def normdrop_gaussian(rate: float) -> nn.Module:
    """Torch has no Gaussian dropout of its own."""
    from normdrop.torch import GaussianDropout

    return GaussianDropout(rate)


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8, eps=1e-3, momentum=0.01)
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.drop = nn.Dropout(RATE)
        self.last = nn.BatchNorm2d(8, eps=1e-3, momentum=0.01)
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        branch = self.drop(self.conv(torch.relu(self.norm(x))))
        x = torch.relu(self.last(x + branch))
        y: torch.Tensor = self.head(x.mean((2, 3)))
        return y


@keras.saving.register_keras_serializable("tests")
class _KerasResidual(keras.Model):  # type: ignore[misc] # Keras publishes no types
    def __init__(self) -> None:
        super().__init__()
        self.stem = layers.Conv2D(8, 3, padding="same")
        self.norm = layers.BatchNormalization()
        self.conv = layers.Conv2D(8, 3, padding="same")
        self.drop = layers.Dropout(RATE)
        self.last = layers.BatchNormalization()
        self.head = layers.Dense(4)

    def call(self, x: object, training: bool | None = None) -> object:  # noqa: FBT001 - Keras' own
        """A stem, a branch with dropout added to it, and a head."""
        x = self.stem(x)
        branch = self.conv(keras.ops.relu(self.norm(x, training=training)))
        branch = self.drop(branch, training=training)
        x = keras.ops.relu(self.last(x + branch, training=training))
        return self.head(keras.ops.mean(x, (1, 2)))


def residual() -> Pair:
    """A residual branch with dropout, as a subclassed model."""
    model = _KerasResidual()
    model(np.zeros((2, 8, 8, 3), "float32"))
    return model, _Residual(), (8, 8, 3), (3, 8, 8)
