"""Blocks: their twins in torch have the same layers, shapes and numbers of parameters."""

import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from channels_first import CHANNELS_FIRST
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src.testing import TestCase

import normdrop.torch as twin
from normdrop.errors import OrderError, UsageError
from normdrop.keras import Block, Head, ResidualBlock, UniformDropout
from normdrop.keras.blocks._layers import PARTS, make_activation
from normdrop.keras.layers import DataFormat
from normdrop.values.order import ACTIVATIONS, KINDS, HeadPosition, ResidualPosition, ResidualStyle

IMAGE_TOKENS = [
    "conv", "bn", "gn(2)", "ln", "act", "act(elu)", "act(prelu)", "drop", "drop(0.3)",
    "gaussian(0.2)", "uniform", "pool", "pool(avg)",
]  # fmt: skip
VECTOR_TOKENS = ["linear", "bn", "gn(2)", "ln", "act(gelu)", "drop", "gaussian", "uniform(0.2)"]


def _parameters(layer: keras.layers.Layer) -> int:
    return sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)


def test_every_token_and_activation_has_a_layer() -> None:
    """The grammar's words and the layers are the same set."""
    assert set(PARTS) == set(KINDS)
    x = np.linspace(-3, 3, 24, dtype="float32").reshape(2, 12)
    for name in ACTIVATIONS:
        ours = keras.ops.convert_to_numpy(make_activation(name)(x))
        theirs = twin.Block(f"act({name})", 12, dimensions=0)(torch.from_numpy(x))
        np.testing.assert_allclose(
            ours, theirs.detach().numpy(), rtol=2e-5, atol=1e-6, err_msg=name
        )


@settings(max_examples=40)
@given(
    tokens=st.lists(st.sampled_from(IMAGE_TOKENS), min_size=1, max_size=6),
    grows=st.booleans(),
    strides=st.sampled_from([1, 2]),
    first=st.booleans(),
)
def test_image_blocks_are_those_of_torch(
    *, tokens: list[str], grows: bool, strides: int, first: bool
) -> None:
    """One order: the same layer sequence, output shape and trainable parameters."""
    order = "-".join(tokens)
    out = 6 if grows and "conv" in tokens else None
    theirs = twin.Block(order, 4, out, stride=strides)
    expected = theirs.eval()(torch.zeros(2, 4, 16, 16)).shape
    ours = Block(
        order, out, strides=strides, data_format="channels_first" if first else "channels_last"
    )
    shape = (None, 4, 16, 16) if first else (None, 16, 16, 4)
    ours.build(shape)
    batch, channels, *positions = expected
    assert ours.compute_output_shape(shape) == (
        (None, channels, *positions) if first else (None, *positions, channels)
    )
    assert [layer.name for layer in ours.parts] == [name for name, _ in theirs.named_children()]
    assert _parameters(ours) == sum(p.numel() for p in theirs.parameters())
    assert batch == 2


@settings(max_examples=20)
@given(tokens=st.lists(st.sampled_from(VECTOR_TOKENS), min_size=1, max_size=6))
def test_vector_blocks_are_those_of_torch(tokens: list[str]) -> None:
    """The same for vectors; the output is computed, not only its shape."""
    order = "-".join(tokens)
    theirs = twin.Block(order, 4, dimensions=0)
    ours = Block(order, dimensions=0)
    result = ours(np.ones((3, 4), "float32"), training=True)
    assert tuple(result.shape) == (3, 4)
    assert [layer.name for layer in ours.parts] == [name for name, _ in theirs.named_children()]
    assert _parameters(ours) == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize(
    ("position", "style", "bottleneck", "strides"),
    [
        (f"P{number}", style, bottleneck, strides)
        for number, style, bottleneck, strides in itertools.product(
            (0, 1, 5, 7), ("pre", "post"), (False, True, 6), (1, 2)
        )
    ],
)
def test_residual_blocks_are_those_of_torch(
    position: ResidualPosition, style: ResidualStyle, *, bottleneck: bool | int, strides: int
) -> None:
    """Every position and style: the same order, shape and trainable parameters."""
    arguments: dict[str, Any] = {
        "dropout": 0.2,
        "position": position,
        "style": style,
        "bottleneck": bottleneck,
    }
    theirs = twin.ResidualBlock(8, 12 if strides > 1 else 8, stride=strides, **arguments)
    ours = ResidualBlock(12 if strides > 1 else 8, strides=strides, **arguments)
    result = ours(np.ones((2, 8, 8, 8), "float32"), training=True)
    expected = theirs(torch.ones(2, 8, 8, 8)).shape
    assert tuple(result.shape) == (expected[0], *expected[2:], expected[1])
    assert ours.order == theirs.order
    assert _parameters(ours) == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize("position", ["before-pool", "after-pool", "H1", "H2", "H3", "H6"])
@pytest.mark.parametrize(
    "data_format", ["channels_last", pytest.param("channels_first", marks=CHANNELS_FIRST)]
)
def test_heads_are_those_of_torch(position: HeadPosition, data_format: DataFormat) -> None:
    """Every position: the same layers but for the flattening, which Keras' pooling does itself."""
    arguments: dict[str, Any] = {
        "norm": True,
        "activation": "relu",
        "dropout": 0.2,
        "position": position,
    }
    theirs = twin.Head(8, 5, hidden=6, **arguments)
    ours = Head(5, hidden=6, data_format=data_format, **arguments)
    shape = (2, 4, 4, 8) if data_format == "channels_last" else (2, 8, 4, 4)
    assert tuple(ours(np.ones(shape, "float32")).shape) == (2, 5)
    names = [name for name, _ in theirs.named_children() if name != "flatten"]
    assert [layer.name for layer in ours.parts] == names
    assert _parameters(ours) == sum(p.numel() for p in theirs.parameters())


# Keras' own test hands its generator of data to `fit` with the default that this warns of.
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (Block, {"order": "conv-bn-act(prelu)-drop-pool", "filters": 6}),
        (Block, {"order": "conv-ln-act-drop", "filters": 4, "dropout": UniformDropout(0.2)}),
        (Block, {"order": "conv-bn-act", "activation": keras.activations.tanh, "seed": 1}),
        (ResidualBlock, {"filters": 8, "dropout": 0.2, "strides": 2, "style": "post"}),
        (ResidualBlock, {"filters": 8, "bottleneck": True, "dropout": 0.1, "along": "channel"}),
        (Head, {"classes": 3, "dropout": 0.2, "norm": True, "activation": "relu"}),
    ],
)
def test_configuration_saving_training_and_precision(
    kind: type[keras.layers.Layer], arguments: dict[str, Any]
) -> None:
    """Keras' own layer test: configuration and `.keras` round trips, `fit`, mixed precision."""
    TestCase().run_layer_test(kind, init_kwargs=arguments, input_shape=(2, 8, 8, 4))


def test_a_saved_model_computes_the_same(tmp_path: Path) -> None:
    """Through a `.keras` file in safe mode, with what the norm layers remember."""
    inputs = keras.Input((8, 8, 3))
    x = Block("conv-bn-act-drop-pool", 8)(inputs)
    x = ResidualBlock(16, dropout=0.2, strides=2)(x)
    model = keras.Model(inputs, Head(5, dropout=0.2, norm=True, activation="relu")(x))
    x = np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype("float32")
    for _ in range(3):
        model(x, training=True)
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    np.testing.assert_array_equal(model.predict(x, verbose=0), loaded.predict(x, verbose=0))
    assert len(loaded.non_trainable_variables) == len(model.non_trainable_variables)


def test_norms_go_along_the_channels() -> None:
    """In both data formats each channel is normalised over the batch and all positions."""
    for data_format, axis in (("channels_last", -1), ("channels_first", 1)):
        block = Block("bn", data_format=data_format)  # type: ignore[arg-type] # one of two words
        x = np.random.default_rng(1).normal(3, 2, (32, 5, 6, 7)).astype("float32")
        result = np.moveaxis(keras.ops.convert_to_numpy(block(x, training=True)), axis, -1)
        np.testing.assert_allclose(result.mean((0, 1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(result.std((0, 1, 2)), 1, atol=1e-3)


def test_wrong_arguments() -> None:
    """Each is refused when the block is made, in the words of its twin."""
    with pytest.raises(OrderError, match="did you mean 'bn'"):
        Block("conv-batchnorm")
    with pytest.raises(OrderError, match="leave filters out"):
        Block("bn-act", 8)
    with pytest.raises(OrderError, match="vectors have no positions"):
        Block("conv-bn", 8, dimensions=0)
    with pytest.raises(OrderError, match=r"gn\(3\)"):
        Block("gn(4)").build((None, 4, 4, 6))
    with pytest.raises(UsageError, match="activation='rleu'"):
        Block("act", activation="rleu").build((None, 4, 4, 6))
    with pytest.raises(UsageError, match="position P6"):
        ResidualBlock(8, style="post", position="P6", dropout=0.1)
    with pytest.raises(UsageError, match="multiple"):
        ResidualBlock(6, bottleneck=True).build((None, 4, 4, 6))
    with pytest.raises(UsageError, match="data_format"):
        Head(5, data_format="NHWC")  # type: ignore[arg-type] # on purpose
