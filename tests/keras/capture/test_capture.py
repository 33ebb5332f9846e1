"""What capture sees of a Keras model, and that it leaves no trace on it."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from channels_first import CHANNELS_FIRST
from keras import layers

import normdrop
from normdrop.errors import CaptureError, UsageError
from normdrop.keras import Block, Head, ResidualBlock
from normdrop.keras.capture import capture
from normdrop.keras.capture._nodes import LAYERS
from normdrop.keras.layers import DataFormat
from normdrop.shifts.graph import Graph, Kind, Noise, Norm


def _kinds(graph: Graph) -> list[str]:
    return [node.kind.value for node in graph if node.kind is not Kind.INPUT]


def _state(model: keras.Model) -> Iterator[Any]:
    for layer in model._flatten_layers():  # noqa: SLF001 - Keras has no public walk of all layers
        yield layer.name, len(layer._inbound_nodes), len(layer._outbound_nodes)  # noqa: SLF001 - what calls leave
        yield sorted(key for key in vars(layer) if "symbolic" in key)
        yield [keras.ops.convert_to_numpy(weight).tolist() for weight in layer.variables]


def _functional() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    x = layers.Dropout(0.5)(x)
    inner = keras.Sequential([layers.BatchNormalization(), layers.ReLU()], name="inner")
    x = inner(x)
    shared = layers.Dense(4)
    x = layers.add([shared(x), shared(x)])
    x = layers.Concatenate()([x, keras.ops.sigmoid(x) * 2.0])
    x = layers.AveragePooling2D(2, padding="same")(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Flatten()(x)))


def test_a_functional_model_call_by_call() -> None:
    """Nested models are opened, `activation=` is a node, a shared layer is called twice."""
    model = _functional()
    graph = capture(model, (8, 8, 3)).train
    expected = (
        "weight activation noise norm activation weight weight add activation multiply "
        "concatenate pool reshape weight activation"
    )
    assert _kinds(graph) == expected.split()
    norm = graph.of_kind(Kind.NORM)[0]
    assert norm.layer.startswith("inner.")
    assert norm.modules[0] == "inner"
    conv, one, other, last = (node.layer for node in graph.of_kind(Kind.WEIGHT))
    assert one == other
    assert len({conv, one, last}) == 3
    assert graph[graph.outputs[0]].shape == (graph.batch_size, 2)
    assert [layer.path for layer in graph.layers if not layer.used] == []


def test_the_model_is_left_as_it_was() -> None:
    """No calls are noted on its layers, no variable moves, `layer.output` keeps its meaning."""
    model = _functional()
    before = list(_state(model))
    capture(model, (8, 8, 3))
    assert list(_state(model)) == before
    assert model.layers[1].output.shape == (None, 6, 6, 4)

    class Raises(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3)
            self.broken = False

        def call(self, x: Any) -> Any:  # noqa: ANN401 - tensors
            x = self.dense(x)
            if self.broken:
                raise RuntimeError("no such luck")
            return x

    raising = Raises()
    raising(np.zeros((2, 4), "float32"))
    raising.broken = True
    before = list(_state(raising))
    with pytest.raises(CaptureError, match="no such luck"):
        capture(raising, (4,))
    assert list(_state(raising)) == before


def test_modes() -> None:
    """Dropout is on in training; what is called with `training=True` always is a finding."""

    class Always(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(8)
            self.drop = layers.Dropout(0.5)
            self.norm = layers.BatchNormalization(trainable=False)

        def call(self, x: Any) -> Any:  # noqa: ANN401 - tensors
            return self.norm(self.drop(self.dense(x), training=True))

    model = Always()
    model(np.zeros((2, 4), "float32"))
    captured = capture(model, (4,))
    for graph in (captured.train, captured.eval):
        noise, norm = graph[2].details, graph[3].details
        assert isinstance(noise, Noise)
        assert noise.active
        assert isinstance(norm, Norm)
        assert not norm.uses_batch_statistics, "a frozen norm goes by what it has stored"
    assert not [n for n in capture(_functional(), (8, 8, 3)).eval if n.noise and n.noise.active]


def test_layers_of_the_users_own() -> None:
    """One of Keras calls is opened; one of the backend's own functions stays one unknown call."""

    class Opened(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.drop = layers.Dropout(0.3)
            self.norm = layers.BatchNormalization()

        def call(self, x: Any) -> Any:  # noqa: ANN401 - tensors
            return self.norm(self.drop(x)) + x

    class Closed(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(4)

        def call(self, x: Any) -> Any:  # noqa: ANN401 - tensors
            if isinstance(x, keras.KerasTensor):
                raise TypeError("numbers, please")
            return self.dense(x)

        def compute_output_spec(self, x: Any) -> keras.KerasTensor:  # noqa: ANN401 - tensors
            return keras.KerasTensor(x.shape, x.dtype)

    model = keras.Sequential([Opened(), Closed(), layers.Dense(2)])
    model(np.zeros((2, 4), "float32"))
    assert _kinds(capture(model, (4,)).train) == ["noise", "norm", "add", "unknown", "weight"]


@pytest.mark.parametrize(
    ("data_format", "shape"),
    [
        ("channels_last", (8, 8, 3)),
        pytest.param("channels_first", (3, 8, 8), marks=CHANNELS_FIRST),
    ],
)
def test_the_librarys_own_blocks_are_opened(
    data_format: DataFormat, shape: tuple[int, ...]
) -> None:
    """Blocks by order, residual blocks and heads show every layer, in both data formats."""
    model = keras.Sequential(
        [
            Block("conv-drop-bn-act-pool", 4, data_format=data_format),
            ResidualBlock(8, dropout=0.2, data_format=data_format),
            Head(3, dropout=0.2, data_format=data_format),
        ]
    )
    model.build((None, *shape))
    graph = capture(model, shape).train
    assert Kind.UNKNOWN not in {node.kind for node in graph}
    report = normdrop.predict(model, shape)
    assert len(report) == 3
    assert report[next(n.layer for n in graph.of_kind(Kind.NORM))].severity == "error"


def test_every_entry_is_a_layer_of_keras_or_ours() -> None:
    """The table of layers names classes that can be called."""
    assert all(issubclass(kind, layers.Layer) for kind in LAYERS)


def test_wrong_inputs() -> None:
    """Unbuilt models and examples without a tensor are refused, with the way out."""
    with pytest.raises(CaptureError, match=r"not built: call the model once"):
        normdrop.check(keras.Sequential([layers.Dense(3)]), (4,))
    with pytest.raises(UsageError, match="holds no tensor"):
        normdrop.check(_functional(), "image")
    with pytest.raises(CaptureError, match="incompatible"):
        normdrop.check(_functional(), (9, 9, 5))


def test_check_and_assert_clean() -> None:
    """The dropout that feeds a norm is found and named; a clean model passes."""
    findings = normdrop.check(_functional(), (8, 8, 3))
    assert "ND101" in findings.codes
    assert findings[0].layers[0].startswith("dropout")
    with pytest.raises(AssertionError, match="ND101"):
        normdrop.assert_clean(_functional(), (8, 8, 3))
    clean = keras.Sequential([layers.Dense(8), layers.ReLU(), layers.Dropout(0.5), layers.Dense(2)])
    clean.build((None, 4))
    normdrop.assert_clean(clean, (4,))
