"""The network in Keras 3, as a user of Keras writes it; `KERAS_BACKEND` chooses what runs it."""

import os
from collections.abc import Iterator

import keras
import numpy as np
from _protocol import BATCH, MAPS, RATES, THREADS, Epoch, Request, Stopwatch, serve

JIT = {"on": True, "off": False, "auto": "auto"}[os.environ.get("CONTESTANT_JIT", "auto")]


def _set_threads() -> None:
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(THREADS)
    else:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)


def _layer(token: str, maps: int, rate: float) -> keras.Layer:
    match token:
        case "conv":
            return keras.layers.Conv2D(maps, 3)
        case "bn":
            return keras.layers.BatchNormalization()
        case "act":
            return keras.layers.Activation("elu")
        case "drop":
            return keras.layers.Dropout(rate)
        case _:
            return keras.layers.MaxPooling2D(2)


def _model(order: str) -> keras.Model:
    modules = [
        _layer(token, maps, rate)
        for maps, rate in zip(MAPS, RATES, strict=True)
        for token in order.split("-")
    ]
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *modules,
            keras.layers.Flatten(),
            keras.layers.Dense(512, activation="elu"),
            keras.layers.Dense(10),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=JIT,
    )
    return model


class _Laps(keras.callbacks.Callback):
    """Note each epoch's seconds and test loss; Keras evaluates before an epoch ends."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[Epoch] = []
        self._watch = Stopwatch()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        self._watch.lap()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        logs = logs or {}
        self.epochs.append(Epoch(self._watch.lap(), logs["val_loss"], logs["val_accuracy"]))


def _train(request: Request, data: dict[str, np.ndarray]) -> Iterator[Epoch]:
    keras.utils.set_random_seed(request.seed)
    keras.utils.clear_session()
    images = {
        name: data[name][:, 0, :, :, None].astype("float32") / 255
        for name in ("train_inputs", "test_inputs")
    }
    laps = _Laps()
    _model(request.order).fit(
        images["train_inputs"][: request.images],
        data["train_targets"][: request.images],
        batch_size=BATCH,
        epochs=request.epochs,
        validation_data=(images["test_inputs"], data["test_targets"]),
        validation_batch_size=1000,
        callbacks=[laps],
        verbose=0,
    )
    yield from laps.epochs


if __name__ == "__main__":
    _set_threads()
    serve(_train)
