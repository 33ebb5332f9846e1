"""`fix` of Keras models keeps outputs, names, weights and their order, and mends shifts."""

import math
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import normdrop
from normdrop.errors import CaptureError, UsageError
from normdrop.keras import ResidualBlock, UniformDropout

SHAPE = (8, 8, 3)
Example = tuple[int, ...] | list[tuple[int, ...]]
Batch = np.ndarray | list[np.ndarray]


def settled(model: keras.Model) -> keras.Model:
    """The model with statistics, biases and scales as training leaves them."""
    generator = np.random.default_rng(0)
    for layer in model._flatten_layers():  # noqa: SLF001 - Keras has no public walk of all layers
        if isinstance(layer, layers.BatchNormalization):
            for variable in (layer.gamma, layer.moving_variance):
                variable.assign(generator.uniform(0.5, 1.5, variable.shape))
            for variable in (layer.beta, layer.moving_mean):
                variable.assign(generator.normal(0, 0.3, variable.shape))
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(generator.normal(0, 0.3, layer.bias.shape))
    return model


def plain() -> keras.Model:
    """A Sequential model."""
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(4, 3),
            layers.SpatialDropout2D(0.3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(4, 3, use_bias=False),
            layers.Dropout(0.5),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )


def residual() -> keras.Model:
    """A Functional model of two branches side by side, each with weights."""
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="stem")(inputs)
    for number in (1, 2):
        y = layers.BatchNormalization(name=f"bn{number}a")(x)
        y = layers.ReLU()(y)
        y = layers.Dropout(0.3, name=f"drop{number}")(y)
        y = layers.Conv2D(4, 3, padding="same", name=f"conv{number}a")(y)
        y = layers.BatchNormalization(name=f"bn{number}b")(y)
        y = layers.ReLU()(y)
        y = layers.Conv2D(4, 3, padding="same", name=f"conv{number}b")(y)
        x = layers.Add()([y, layers.Conv2D(4, 1, name=f"skip{number}")(x)])
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.BatchNormalization()(x)))
    return keras.Model(inputs, layers.Dense(3)(x))


def nested() -> keras.Model:
    """A Functional model around a Sequential one, which is called once, and another one, twice."""
    first, second = keras.Input((6,)), keras.Input((6,))
    shared = keras.Sequential([keras.Input((6,)), layers.Dense(8), layers.ReLU()], name="shared")
    x = layers.Add()([shared(first), shared(second)])
    inner = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(8),
            layers.Dropout(0.5, name="drop.1"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dense(4),
        ],
        name="inner",
    )
    return keras.Model([first, second], layers.Dense(2)(inner(x)))


def noisy_operations() -> keras.Model:
    """A Functional model with operations of `keras.ops` between its layers."""
    inputs = keras.Input((8,))
    x = layers.Dense(8)(inputs)
    x = layers.Dropout(0.4)(keras.ops.relu(x) + inputs)
    x = layers.BatchNormalization()(x)
    return keras.Model(inputs, layers.Dense(2)(keras.ops.tanh(x)))


MODELS: dict[str, tuple[Callable[[], keras.Model], Example]] = {
    "plain": (plain, SHAPE),
    "residual": (residual, SHAPE),
    "nested": (nested, [(6,), (6,)]),
    "operations": (noisy_operations, (8,)),
}


def inputs_for(example: Example) -> Batch:
    """A batch of numbers for an example."""
    generator = np.random.default_rng(1)
    if isinstance(example, list):
        return [generator.normal(size=(4, *shape)).astype("float32") for shape in example]
    return generator.normal(size=(4, *example)).astype("float32")


def outputs_of(model: keras.Model, inputs: Batch) -> np.ndarray:
    """What a model computes in inference."""
    return np.asarray(keras.ops.convert_to_numpy(model(inputs, training=False)))


@pytest.mark.parametrize("name", MODELS)
def test_keeps_outputs_names_and_weights(name: str, tmp_path: Path) -> None:
    """Older files of weights and the mended model's own file load; the model given is untouched."""
    make, example = MODELS[name]
    keras.utils.set_random_seed(0)
    model = settled(make())
    config, weights = model.get_config(), [value.copy() for value in model.get_weights()]
    inputs = inputs_for(example)
    wanted = outputs_of(model, inputs)
    model.save_weights(tmp_path / "old.weights.h5")

    mended = normdrop.fix(model, example)

    assert mended.changes
    assert model.get_config() == config
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))
    assert type(mended.model) is type(model)
    assert mended.model.name == model.name
    assert [each.path for each in mended.model.weights] == [each.path for each in model.weights]
    assert not {id(each) for each in mended.model.variables} & {
        id(each) for each in model.variables
    }
    folded = any(change.code == "ND201" for change in mended.changes)
    atol = 1e-4 * np.abs(wanted).max() if folded else 0.0
    np.testing.assert_allclose(outputs_of(mended.model, inputs), wanted, rtol=0, atol=atol)

    mended.model.save(tmp_path / "mended.keras")
    again = keras.saving.load_model(tmp_path / "mended.keras")
    after = outputs_of(mended.model, inputs)
    np.testing.assert_array_equal(outputs_of(again, inputs), after)
    mended.model.load_weights(tmp_path / "old.weights.h5")
    np.testing.assert_array_equal(outputs_of(mended.model, inputs), wanted)


@pytest.mark.parametrize("name", MODELS)
def test_no_shift_is_farther_from_one(name: str) -> None:
    """By moments; and a second fix finds nothing more to do."""
    make, example = MODELS[name]
    model = settled(make())
    mended = normdrop.fix(model, example)
    before = normdrop.predict(model, example, "moments")
    after = normdrop.predict(mended.model, example, "moments")
    for layer in after:
        was = abs(math.log(before[layer.path].shift))
        assert abs(math.log(layer.shift)) <= was + 0.002, layer.path
    assert not [each for each in mended.remaining if each.code == "ND101"]
    assert not normdrop.fix(mended.model, example).changes


def test_branches_keep_the_order_of_their_weights() -> None:
    """A move that makes one of two branches longer would list their weights in another order."""
    inputs = keras.Input((8,))
    y = layers.Dropout(0.2, name="drop")(inputs)
    y = layers.Dense(8, use_bias=False, name="a1")(y)
    y = layers.BatchNormalization(name="bn")(y)
    y = layers.ReLU()(y)
    y = layers.Dense(8, name="a2")(y)
    z = layers.Dense(8, name="b1")(inputs)
    z = layers.Dense(8, name="b2")(z)
    z = layers.Dense(8, name="b3")(z)
    model = keras.Model(inputs, layers.Dense(2)(layers.Add()([y, z])))
    mended = normdrop.fix(model, (8,), move={"drop": "branch"})
    assert mended.changes
    assert [each.path for each in mended.model.weights] == [each.path for each in model.weights]


def test_moves_to_the_head_and_replaces() -> None:
    """The dropout nearest to the end goes to the head, the other becomes uniform noise."""
    mended = normdrop.fix(settled(plain()), SHAPE)
    names = [type(layer).__name__ for layer in mended.model.layers]
    assert names.index("Dropout") == names.index("GlobalAveragePooling2D") - 1
    uniform = next(each for each in mended.model.layers if isinstance(each, UniformDropout))
    assert uniform.along == "channel"
    assert "spatial_dropout2d" in uniform.name
    assert all(abs(each.shift - 1) < 0.03 for each in mended.after)


def test_folds_a_bias_behind_a_flattening() -> None:
    """Positions of a flattened image have all channels side by side."""
    model = settled(
        keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.Conv2D(4, 3),
                layers.Flatten(),
                layers.BatchNormalization(),
                layers.Dense(2),
            ]
        )
    )
    mended = normdrop.fix(model, SHAPE)
    inputs = inputs_for(SHAPE)
    if any(change.code == "ND201" for change in mended.changes):
        assert not np.any(mended.model.layers[0].get_weights()[1])
    np.testing.assert_allclose(
        outputs_of(mended.model, inputs), outputs_of(model, inputs), rtol=0, atol=1e-4
    )


def test_removes_a_bias_on_request() -> None:
    """The layer is one made without a bias; what the model computes stays."""
    inputs = keras.Input(SHAPE)
    x = layers.Dropout(0.5)(layers.Conv2D(4, 3, name="conv")(inputs))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    model = settled(keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))))
    mended = normdrop.fix(model, SHAPE, remove_bias=True)
    inputs = inputs_for(SHAPE)
    assert mended.model.get_layer("conv").use_bias is False
    assert len(mended.model.weights) == len(model.weights) - 1
    np.testing.assert_allclose(
        outputs_of(mended.model, inputs), outputs_of(model, inputs), rtol=0, atol=1e-4
    )
    assert any("older files of weights" in sentence for sentence in mended.advice)
    assert mended.is_complete


def test_turns_a_momentum_around() -> None:
    """Torch's 0.1 where Keras means 0.9."""
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(8, use_bias=False),
            layers.BatchNormalization(momentum=0.01, name="bn"),
            layers.Dense(2),
        ]
    )
    mended = normdrop.fix(model, (8,))
    assert [change.what for change in mended.changes] == ["momentum 0.01 becomes 0.99"]
    assert mended.model.get_layer("bn").momentum == 0.99
    assert model.get_layer("bn").momentum == 0.01


def test_shares_weights_on_request() -> None:
    """The clone has the very variables, and the model given computes and saves as before."""
    model = settled(residual())
    weights = [value.copy() for value in model.get_weights()]
    config = model.get_config()
    mended = normdrop.fix(model, SHAPE, share_weights=True)
    assert mended.changes
    assert {change.code for change in mended.changes} == {"ND101"}
    assert all(a is b for a, b in zip(mended.model.weights, model.weights, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))
    assert model.get_config() == config
    inputs = inputs_for(SHAPE)
    np.testing.assert_array_equal(outputs_of(mended.model, inputs), outputs_of(model, inputs))
    with pytest.raises(UsageError, match="cannot be removed from weights that are shared"):
        normdrop.fix(model, SHAPE, share_weights=True, remove_bias=True)


def test_keeps_what_is_trained_and_compiled() -> None:
    """Frozen layers stay frozen, and the mended model trains without being compiled anew."""
    model = settled(plain())
    model.layers[4].trainable = False
    model.compile("sgd", "mse")
    mended = normdrop.fix(model, SHAPE).model
    assert [each.path for each in mended.trainable_weights] == [
        each.path for each in model.trainable_weights
    ]
    before = mended.get_weights()
    mended.fit(inputs_for(SHAPE), np.zeros((4, 3)), verbose=0)
    assert any(not np.array_equal(a, b) for a, b in zip(mended.get_weights(), before, strict=True))


_KINDS: dict[str, Callable[[], keras.layers.Layer]] = {
    "dense": lambda: layers.Dense(6),
    "drop": lambda: layers.Dropout(0.4),
    "gauss": lambda: layers.GaussianDropout(0.3),
    "norm": layers.BatchNormalization,
    "act": layers.ReLU,
}


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(sorted(_KINDS)), min_size=2, max_size=8))
def test_any_order_of_layers_computes_what_it_did(kinds: list[str]) -> None:
    """Whatever is moved, weights keep their places, and no expected shift grows."""
    stack = [_KINDS[kind]() for kind in kinds]
    model = settled(keras.Sequential([keras.Input((6,)), *stack, layers.Dense(2)]))
    mended = normdrop.fix(model, (6,))
    inputs = inputs_for((6,))
    wanted = outputs_of(model, inputs)
    atol = 1e-4 * max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(outputs_of(mended.model, inputs), wanted, rtol=0, atol=atol)
    assert [each.path for each in mended.model.weights] == [each.path for each in model.weights]
    for layer in mended.after:
        was = next(each.shift for each in mended.before if each.path == layer.path)
        assert abs(math.log(layer.shift)) <= abs(math.log(was)) + 0.002


class Own(keras.Model):
    """A subclassed model."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.norm = layers.BatchNormalization()

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:  # noqa: FBT001, FBT002 - Keras calls it so
        """Dropout before a norm."""
        return self.norm(self.drop(inputs, training=training), training=training)


class OwnGraph(keras.Model):
    """A Functional model that builds its graph itself."""

    def __init__(self, width: int) -> None:
        inputs = keras.Input((width,))
        outputs = layers.BatchNormalization()(layers.Dropout(0.5)(inputs))
        super().__init__(inputs, layers.Dense(2)(outputs))


def test_refuses_what_cannot_be_rebuilt() -> None:
    """Models whose code is not a graph of layers: what to do instead, and nothing done."""
    own = Own()
    own(np.zeros((2, 8)))
    with pytest.raises(UsageError, match=r"subclassed model.*normdrop fix FILE"):
        normdrop.fix(own, (8,))
    with pytest.raises(UsageError, match=r"own __init__.*keras.Model\(model.inputs"):
        normdrop.fix(OwnGraph(8), (8,))
    with pytest.raises(UsageError, match="share_weights"):
        normdrop.fix(plain(), SHAPE, in_place=True)
    with pytest.raises(CaptureError, match="not built"):
        normdrop.fix(keras.Sequential([layers.Dense(2), layers.Dropout(0.5)]), (8,))
    with pytest.raises(UsageError, match="no layer 'nowhere'"):
        normdrop.fix(plain(), SHAPE, move={"nowhere": "head"})


class Bare(keras.layers.Layer):
    """A layer that does not say how it is made."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = layers.Dense(width)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Weigh."""
        return self.inner(inputs)


def test_names_a_layer_that_cannot_be_copied() -> None:
    """One without `get_config`."""
    model = keras.Sequential([keras.Input((8,)), Bare(4), layers.BatchNormalization()])
    with pytest.raises(UsageError, match="layer 'bare' cannot be copied: give Bare a get_config"):
        normdrop.fix(model, (8,))


def test_leaves_noise_that_code_calls() -> None:
    """Dropout inside a block of the user's or normdrop's own, and dropout that is always on."""
    block = ResidualBlock(4, dropout=0.3, position="P4", name="block")
    norm = layers.BatchNormalization()
    model = keras.Sequential([keras.Input((8, 8, 4)), block, norm, layers.Flatten()])
    mended = normdrop.fix(model, (8, 8, 4), select=["ND101"])
    assert not mended.changes
    assert any("called by the code of ResidualBlock" in each for each in mended.advice)
    inputs = keras.Input((8,))
    x = layers.Dropout(0.5)(layers.Dense(8, use_bias=False)(inputs), training=True)
    model = keras.Model(inputs, layers.Dense(2)(layers.BatchNormalization()(x)))
    mended = normdrop.fix(model, (8,))
    assert not mended.changes
    assert any("called with training=True" in each for each in mended.advice)
