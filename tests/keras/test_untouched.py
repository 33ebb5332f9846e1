"""Whatever happens, the model and the random states are left as they were."""

import random
from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops
from keras.src.backend.common import global_state  # where Keras keeps its global generator

from normdrop.errors import CaptureError
from normdrop.keras.watch import NoiseCalls, NormCall, answered, untouched
from normdrop.verbs import invert, simulate

Tensor: TypeAlias = Any
_ON_TORCH = keras.backend.backend() == "torch"


class _Net(keras.Model):
    """A network that draws from everywhere, counts, collects losses, and fails when told to."""

    def __init__(self, failing: str) -> None:
        super().__init__()
        self.first = keras.Sequential(
            [layers.Dense(8), layers.Dropout(0.5), layers.BatchNormalization()], name="first"
        )
        self.regular = layers.ActivityRegularization(0.1)
        self.recurrent = layers.LSTM(4, dropout=0.5, recurrent_dropout=0.2)
        self.norm = layers.BatchNormalization(momentum=0.5)
        self.met = keras.metrics.Mean()
        self.number = self.add_weight(name="calls", initializer="zeros", trainable=False)
        self.calls = 0
        self.failing = failing

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:  # noqa: FBT001 - Keras' own
        self.calls += 1
        self.number.assign_add(1.0)
        keras.random.uniform((2,))
        np.random.rand(2)  # noqa: NPY002 - what a user may do
        random.random()  # noqa: S311 - same
        torch.rand(2)
        x = self.regular(self.first(x, training=training))
        self.met.update_state(ops.mean(x))
        x = self.norm(self.recurrent(ops.expand_dims(x, 1), training=training), training=training)
        if self.failing == ("train" if training else "eval"):
            raise RuntimeError("no further")
        return x


def _snapshot(model: _Net) -> dict[str, Any]:
    every = model._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
    variables = [*model.variables, *model.metrics_variables]
    generator = global_state.get_global_attribute("global_seed_generator")
    return {
        "variables": [np.array(ops.convert_to_numpy(v)).tolist() for v in variables],
        **(_torch_state(variables) if _ON_TORCH else {}),
        "identities": [id(v) for v in variables],
        "classes": [type(layer) for layer in every],
        "trainable": [(layer.trainable, layer._trainable) for layer in every],  # noqa: SLF001 - see name
        "attributes": [{key: id(value) for key, value in vars(layer).items()} for layer in every],
        "losses": [list(layer._losses) for layer in every],  # noqa: SLF001 - what calls collect
        "nodes": [len(layer._inbound_nodes) for layer in every],  # noqa: SLF001 - same
        "calls": model.calls,
        "keras": (id(generator), generator and ops.convert_to_numpy(generator.state).tolist()),
        "python": random.getstate(),
        "numpy": [str(part) for part in np.random.get_state()],  # noqa: NPY002 - see above
    }


def _torch_state(variables: list[Tensor]) -> dict[str, Any]:
    """What other backends do not have."""
    gradients = [variable.value.grad for variable in variables]
    return {
        "gradients": [None if gradient is None else gradient.tolist() for gradient in gradients],
        "requires_grad": [variable.value.requires_grad for variable in variables],
        "torch": torch.get_rng_state().tolist(),
        "gradients on": torch.is_grad_enabled(),
    }


def run_both_modes(model: keras.Model, x: Tensor) -> None:
    """Every norm answered and every noise layer seeded, in both modes."""
    noise = NoiseCalls(model)

    def answer(call: NormCall) -> Tensor:
        return call.by_batch() if call.from_batch else call.by(call.stored())

    with untouched(model), answered(model, answer), noise.watched():
        for training in (True, False):
            noise.start(3)
            model(x, training=training)


def built(failing: str = "") -> _Net:
    """The network, called once."""
    model = _Net("")
    model(np.zeros((2, 6), "float32"))
    model.failing = failing
    return model


def check_left_alone(model: _Net, run: Callable[[], object], *, fails: bool) -> None:
    """That a run leaves everything as it is, whether it fails or not."""
    before = _snapshot(model)
    if fails:
        with pytest.raises((RuntimeError, ValueError, CaptureError)):
            run()
    else:
        run()
    after = _snapshot(model)
    assert [key for key in before if before[key] != after[key]] == []


@settings(max_examples=15, deadline=None)
@given(
    trainable=st.lists(st.booleans(), min_size=4, max_size=4),
    failing=st.sampled_from(["", "train", "eval"]),
    width=st.sampled_from([6, 7]),
)
def test_model_and_random_states_are_left_alone(
    trainable: list[bool], failing: str, width: int
) -> None:
    """Variables, attributes, collected losses and all random states survive, errors or not."""
    model = built(failing)
    parts = [model.first, model.recurrent, model.norm, model]
    for layer, on in zip(parts, trainable, strict=True):
        layer.trainable = on
    x = np.ones((4, width), "float32")
    check_left_alone(model, lambda: run_both_modes(model, x), fails=bool(failing) or width != 6)


@settings(max_examples=8, deadline=None)
@given(
    failing=st.sampled_from(["", "train", "eval"]),
    width=st.sampled_from([6, 7]),
    verb=st.sampled_from([simulate, invert]),
    graded=st.booleans(),
)
def test_predictions_leave_the_model_alone(
    failing: str, width: int, verb: Callable[..., object], *, graded: bool
) -> None:
    """Simulating and inverting change nothing either, gradients included."""
    model = built(failing)
    model.norm.moving_mean.assign([0.2] * 4)
    model.norm.moving_variance.assign([0.2] * 4)
    for variable in model.trainable_variables if _ON_TORCH else ():
        variable.value.grad = torch.ones_like(variable.value) if graded else None
    short = {"steps": 2} if verb is invert else {}
    check_left_alone(
        model, lambda: verb(model, (width,), **short), fails=bool(failing) or width != 6
    )
