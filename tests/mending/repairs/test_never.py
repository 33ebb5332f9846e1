"""What `fix` never does to a model, over networks of any order, in both frameworks."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from torch import nn

import normdrop
from normdrop.keras.capture import capture as capture_keras
from normdrop.mending.harm import harms
from normdrop.mending.repairs import Move
from normdrop.torch.capture import capture as capture_torch

_TOKENS = ["linear", "linear", "norm", "relu", "tanh", "drop", "drop", "softmax", "layer norm"]
_ORDERS = st.lists(st.sampled_from(_TOKENS), min_size=3, max_size=10)
_PREFERRED = st.sampled_from([(), ("lower",), ("remove",), ("head",), ("keep",)])
_TORCH: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(8, 8),
    "norm": lambda: nn.BatchNorm1d(8),
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "drop": lambda: nn.Dropout(0.4),
    "softmax": lambda: nn.Softmax(-1),
    "layer norm": lambda: nn.LayerNorm(8),
}
_KERAS: dict[str, Callable[[], Any]] = {
    "linear": lambda: layers.Dense(8),
    "norm": layers.BatchNormalization,
    "relu": layers.ReLU,
    "tanh": lambda: layers.Activation("tanh"),
    "drop": lambda: layers.Dropout(0.4),
    "softmax": layers.Softmax,
    "layer norm": layers.LayerNormalization,
}


def never_worse(model: Any, capture: Callable[..., Any], prefer: tuple[Move, ...]) -> Any:  # noqa: ANN401 - a model of either framework
    """The mended model, which no rule and no kind of harm finds worse than the model."""
    mended = normdrop.fix(model, (8,), prefer=prefer, remove_bias=True).model
    assert type(mended) is type(model)
    found, finds = normdrop.check(model, (8,)), normdrop.check(mended, (8,))
    had = Counter(each.code for each in found if each.severity != "note")
    has = Counter(each.code for each in finds if each.severity != "note")
    assert all(has[code] <= had[code] for code in has)
    did, does = (
        Counter(harm for done in harms(capture(each, (8,)).train).values() for harm in done)
        for each in (model, mended)
    )
    assert all(does[harm] <= did[harm] for harm in does)
    return mended


@settings(max_examples=12)
@given(order=_ORDERS, prefer=_PREFERRED)
def test_no_torch_model_is_worse_afterwards(order: list[str], prefer: tuple[Move, ...]) -> None:
    """No noise behind the last weight, in a row or on too few units; same outputs and class."""
    torch.manual_seed(0)
    model = nn.Sequential(*(_TORCH[token]() for token in order))
    mended = never_worse(model, capture_torch, prefer)
    x = torch.randn(4, 8)
    torch.testing.assert_close(mended.eval()(x), model.eval()(x), rtol=1e-4, atol=1e-4)


@settings(max_examples=5)
@given(order=_ORDERS, prefer=_PREFERRED)
def test_no_keras_model_is_worse_afterwards(order: list[str], prefer: tuple[Move, ...]) -> None:
    """The same, for a Sequential model of Keras."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), *(_KERAS[token]() for token in order)])
    mended = never_worse(model, capture_keras, prefer)
    x = np.random.default_rng(0).normal(size=(4, 8)).astype("float32")
    wanted, outputs = (keras.ops.convert_to_numpy(each(x)) for each in (model, mended))
    np.testing.assert_allclose(outputs, wanted, rtol=1e-4, atol=1e-4)
