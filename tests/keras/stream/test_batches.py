"""Batches of every shape a Keras user has, and those that are none."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch.utils.data import DataLoader, TensorDataset

from normdrop.errors import UsageError
from normdrop.keras.stream import reading
from normdrop.shifts.stream import Batch

_X, _Y, _W = np.zeros((4, 3), "float32"), np.ones(4), np.full(4, 0.5)


def _one() -> keras.Model:
    return keras.Sequential([keras.Input((3,), name="image"), layers.Dense(2)])


def _two() -> keras.Model:
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    return keras.Model([left, right], layers.Add()([left, right]))


class _Subclassed(keras.Model):
    """Takes whatever it is given."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ANN401, FBT001 - Keras' own
        del training
        return inputs["left"] + inputs["right"] if isinstance(inputs, dict) else inputs


class _Named(keras.Model):
    """Takes two inputs by position or name."""

    def call(self, left: Any, right: Any, training: bool | None = None) -> Any:  # noqa: ANN401, FBT001 - Keras' own
        del training
        return left + right


class _Data(keras.utils.PyDataset):
    """Three batches."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return _X + index, _Y


class _Endless(keras.utils.PyDataset):
    """Batches without an end."""

    @property
    def num_batches(self) -> None:
        return None

    def __getitem__(self, index: int) -> np.ndarray:
        return _X + index


class _Dataset:
    """What `tf.data.Dataset.repeat()` says of itself."""

    def __iter__(self) -> Iterator[np.ndarray]:
        return itertools.repeat(_X)

    def cardinality(self) -> np.ndarray:
        return np.array(-1)


def _first(item: object, model: keras.Model) -> Batch:
    return next(iter(reading([item], model)))


@pytest.mark.parametrize(
    ("item", "model", "inputs", "targets", "weights"),
    [
        (_X, _one(), 1, False, False),
        ((_X,), _one(), 1, False, False),
        ([_X, _Y], _one(), 1, True, False),
        ((_X, _Y, _W), _one(), 1, True, True),
        ({"image": _X}, _one(), 1, True, False),
        (({"image": _X}, _Y), _one(), 1, True, False),
        ((_X, _X), _two(), 2, False, False),
        (((_X, _X), _Y), _two(), 2, True, False),
        (([_X, _X], _Y, _W), _two(), 2, True, True),
        ((_X, _X, _Y), _two(), 2, True, False),
        (({"left": _X, "right": _X, "label": _Y}, _Y), _two(), 2, True, False),
        ((_X, _Y), _Subclassed(), 1, True, False),
        (({"left": _X, "right": _X}, _Y), _Subclassed(), 2, True, False),
        ((_X, _X), _Named(), 2, False, False),
        (((_X, _X), _Y), _Named(), 2, True, False),
        ({"left": _X, "right": _X, "label": _Y}, _Named(), 2, True, False),
    ],
)
def test_inputs_targets_and_weights_are_told_apart(
    item: object,
    model: keras.Model,
    inputs: int,
    *,
    targets: bool,
    weights: bool,
) -> None:
    """The model can be called with what is read, and the metric gets the rest."""
    batch = _first(item, model)
    args, kwargs = batch.arguments
    assert len(keras.tree.flatten(batch.arguments)) == inputs
    assert batch.size == 4
    assert (batch.targets is not None) == targets
    assert (batch.weights is not None) == weights
    assert tuple(model(*args, training=False, **kwargs).shape[:1]) == (4,)


def test_every_container_gives_the_same() -> None:
    """A PyDataset, a DataLoader, a generator and a list of tensors with gradients."""
    expected = [_X + index for index in range(3)]
    loader = DataLoader(
        TensorDataset(torch.from_numpy(np.concatenate(expected)), torch.ones(12)), batch_size=4
    )
    graph = [torch.from_numpy(x).requires_grad_() for x in expected]
    for given in (_Data(), loader, (x for x in expected), graph):
        read = [batch.arguments[0][0] for batch in reading(given, _one())]
        assert all(ops.is_tensor(x) for x in read)
        for x, y in zip(read, expected, strict=True):
            np.testing.assert_array_equal(ops.convert_to_numpy(x), y)


def test_words_are_left_to_the_metric() -> None:
    """Targets that are no numbers stay as they are."""
    batch = _first((_X, np.array(["a", "b", "c", "d"])), _one())
    assert batch.targets.tolist() == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("batches", "limit", "words"),
    [
        ([], None, "there are no batches"),
        (_X, None, "one ndarray: for a single batch pass"),
        (_Endless(), None, "never end"),
        (_Dataset(), None, "never end"),
        ([_X], 0, "limit=0"),
        ([np.zeros((0, 3))], None, "batch 1 is empty"),
        ([(_X, _X, _X, _X)], None, "tuple of 4"),
        ([{"picture": _X}], None, "has picture, and the model takes image"),
        ([3.0], None, "holds no tensor"),
        (7, None, "of type int"),
    ],
)
def test_what_are_no_batches(batches: object, limit: int | None, words: str) -> None:
    """The error says what was found and what to pass."""
    with pytest.raises(UsageError, match=words):
        list(reading(batches, _one(), limit=limit))


def test_a_limit_ends_what_has_no_end() -> None:
    """Endless data are read up to the limit."""
    assert len(list(reading(_Endless(), _one(), limit=5))) == 5
    assert len(list(reading(_Dataset(), _one(), limit=2))) == 2
