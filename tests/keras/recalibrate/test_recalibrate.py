"""Moving statistics estimated anew, against torch's twin and numpy on all values at once."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops
from keras.src.backend.common import global_state
from measured_twins import PATHS, batches, for_torch, twins

import normdrop
from normdrop.errors import CaptureError, UsageError
from normdrop.verbs import RecalibrateMethod


def _weights(model: keras.Model) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(variable)) for variable in model.variables]


def _same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _mean(outputs: Any, targets: Any) -> float:  # noqa: ANN401 - either framework's
    del targets
    return float(np.mean(ops.convert_to_numpy(outputs)))


@pytest.mark.parametrize("method", ["batch", "exact"])
@pytest.mark.parametrize("metric", [None, _mean])
def test_both_frameworks_find_the_same(method: RecalibrateMethod, metric: object) -> None:
    """One network with equal weights: new statistics, shifts and metrics within 1e-3."""
    model, twin = twins()
    ours = normdrop.recalibrate(model, batches(), metric, method=method)
    theirs = normdrop.recalibrate(twin, for_torch(batches()), metric, method=method)
    for path, other in PATHS.items():
        for one, two in zip(ours.stored[path], theirs.stored[other], strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-5)
        assert ours.before[path].shift == pytest.approx(theirs.before[other].shift, rel=1e-3)
        layer = model.get_layer(path)
        np.testing.assert_allclose(
            ops.convert_to_numpy(layer.moving_variance), ours.stored[path][1], rtol=1e-6
        )
    assert (ours.after is None) == (theirs.after is None)
    if metric is not None:
        assert ours.metric_before == pytest.approx(theirs.metric_before, rel=1e-3, abs=1e-5)
        assert ours.metric_after == pytest.approx(theirs.metric_after, rel=1e-3, abs=1e-5)
    if method == "exact":
        assert ours.after is not None
        assert all(layer.shift == pytest.approx(1, abs=1e-4) for layer in ours.after)


def test_exact_statistics_are_those_of_all_values() -> None:
    """Two passes in float64 over what a sub-model shows, layer after layer."""
    model, _ = twins()
    normdrop.recalibrate(model, batches(), method="exact")
    for name in PATHS:
        part = keras.Model(model.inputs[0], model.get_layer(name).input)
        values = [ops.convert_to_numpy(part(x, training=False)) for x, _ in batches()]
        wide = np.concatenate([x.reshape(-1, x.shape[-1]) for x in values]).astype(np.float64)
        layer = model.get_layer(name)
        np.testing.assert_allclose(
            ops.convert_to_numpy(layer.moving_variance), wide.var(0), rtol=1e-4
        )
        off = (ops.convert_to_numpy(layer.moving_mean) - wide.mean(0)) / wide.std(0)
        assert np.abs(off).max() < 1e-4


def test_undo_and_with_put_the_old_statistics_back() -> None:
    """Whatever happened to them since; nothing else was touched."""
    model, _ = twins()
    before = _weights(model)
    recalibration = normdrop.recalibrate(model, batches())
    assert not _same(before, _weights(model))
    model.get_layer("first").moving_mean.assign(np.full(6, 7.0))
    recalibration.undo()
    assert _same(before, _weights(model))
    with normdrop.recalibrated(model, batches(), method="exact"):
        assert not _same(before, _weights(model))
    assert _same(before, _weights(model))


@pytest.mark.parametrize("how", ["trainable", "momentum", "named"])
@pytest.mark.parametrize("method", ["batch", "exact"])
def test_frozen_layers_are_left_alone(how: str, method: RecalibrateMethod) -> None:
    """They keep what they have stored, go by it on the way, and are named."""
    model, _ = twins()
    layer = model.get_layer("second")
    if how == "trainable":
        layer.trainable = False
    if how == "momentum":
        layer.momentum = 1.0
    kept = [np.array(ops.convert_to_numpy(w)) for w in layer.weights]
    names = ("second",) if how == "named" else ()
    recalibration = normdrop.recalibrate(model, batches(), method=method, frozen=names)
    assert recalibration.frozen == ("second",)
    assert set(recalibration.stored) == {"first", "third"}
    assert _same(kept, [np.array(ops.convert_to_numpy(w)) for w in layer.weights])


class _Still(keras.Model):
    """A norm layer that the model's own code calls in inference."""

    def __init__(self) -> None:
        super().__init__()
        self.still = layers.BatchNormalization(name="still")
        self.norm = layers.BatchNormalization(name="norm")

    def call(self, x: Any, training: bool | None = None) -> Any:  # noqa: ANN401, FBT001 - Keras' own
        return self.norm(self.still(x, training=False), training=training)


@pytest.mark.parametrize("method", ["batch", "exact"])
def test_a_norm_called_in_inference_is_frozen(method: RecalibrateMethod) -> None:
    """What a model's code never lets learn is not taught."""
    model = _Still()
    x = np.random.default_rng(0).normal(2.0, 3.0, (32, 3)).astype("float32")
    model(x)
    recalibration = normdrop.recalibrate(model, [x], method=method)
    assert recalibration.frozen == ("still",)
    expected = np.float32(x / np.sqrt(1.001)).var(0)
    np.testing.assert_allclose(recalibration.stored["norm"][1], expected, rtol=1e-5)


def test_dropout_is_off() -> None:
    """Noise before a norm leaves no trace in its new variance."""
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dropout(0.5), layers.BatchNormalization(name="bn")]
    )
    x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
    normdrop.recalibrate(model, [x])
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.get_layer("bn").moving_variance), x.var(0), rtol=1e-5
    )


def test_it_goes_on_with_fit() -> None:
    """A recalibrated model trains on from its new statistics."""
    keras.utils.set_random_seed(0)
    model, _ = twins()
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = np.concatenate([x for x, _ in batches()])
    y = np.concatenate([y for _, y in batches()])
    model.fit(x, y, verbose=0)
    normdrop.recalibrate(model, [x])
    new = np.array(ops.convert_to_numpy(model.get_layer("first").moving_mean))
    model.evaluate(x, y, verbose=0)
    assert np.array_equal(new, ops.convert_to_numpy(model.get_layer("first").moving_mean))
    model.fit(x, y, verbose=0)
    assert not np.array_equal(new, ops.convert_to_numpy(model.get_layer("first").moving_mean))


def test_without_data() -> None:
    """Dropout directly before a norm: the correction comes near what data give; undone after."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(64),
            layers.Dropout(0.5),
            layers.BatchNormalization(momentum=0.9, name="bn"),
            layers.Dense(3),
        ]
    )
    generator = np.random.default_rng(0)
    data = [generator.normal(size=(64, 8)).astype("float32") for _ in range(60)]
    for x in data:
        model(x, training=True)
    before = _weights(model)
    recalibration = normdrop.recalibrate(model, None, example=(8,))
    assert recalibration.method == "inverted"
    assert normdrop.measure(model, data)["bn"].shift == pytest.approx(1.0, abs=0.05)
    recalibration.undo()
    assert _same(before, _weights(model))
    with pytest.raises(UsageError, match="every norm layer is frozen"):
        normdrop.recalibrate(model, None, example=(8,), frozen=("bn",))
    with pytest.raises(UsageError, match="takes an example"):
        normdrop.recalibrate(model, None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "quick"}, "unknown method 'quick'"),
        ({"frozen": ("fourth",)}, "frozen names 'fourth'"),
        ({"frozen": ("first", "second", "third")}, "every norm layer is frozen"),
        ({"example": (8, 8, 3)}, "batches or an example, not both"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], words: str) -> None:
    """Each is refused in words."""
    model, _ = twins()
    with pytest.raises(UsageError, match=words):
        normdrop.recalibrate(model, batches(), **settings)


def test_batches_that_will_not_do() -> None:
    """A generator read twice, and a batch of one at a norm over features."""
    model, _ = twins()
    with pytest.raises(UsageError, match="can be read only once"):
        normdrop.recalibrate(model, iter(batches()), method="exact")
    single = batches(2, last=1)
    with pytest.raises(UsageError, match=r"batch 2 has one value per channel at norm layer 'third"):
        normdrop.recalibrate(model, single)
    normdrop.recalibrate(model, single, method="exact").undo()
    without = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    with pytest.raises(UsageError, match="no norm layer"):
        normdrop.recalibrate(without, [np.ones((4, 3), "float32")])


def _read(kind: str) -> Iterator[np.ndarray]:
    """Two batches, of which the second is spoiled, or raises."""
    first, second = (x for x, _ in batches(2))
    yield first
    if kind == "loader":
        raise OSError("gone")
    if kind == "nan":
        second[:] = np.nan
    yield second[..., :2] if kind == "shape" else second


def _run(verb: str, model: keras.Model, read: Callable[[], Iterator[np.ndarray]]) -> None:
    if verb == "modes":
        with normdrop.modes(model, dropout=True, norm="batch"):
            for x in read():
                model(x, training=True)
    elif verb == "recalibrate":
        normdrop.recalibrate(model, read()).undo()
    elif verb == "exact":
        normdrop.recalibrate(model, list(read()), method="exact").undo()
    else:
        metric = _mean if verb == "metric" else None
        normdrop.measure(model, read(), metric, blame=verb == "blame")


def _seed() -> None:
    """Seed every generator; old releases of Keras leave their global one as it is."""
    keras.utils.set_random_seed(3)
    global_state.set_global_attribute("global_seed_generator", keras.random.SeedGenerator(3))


@settings(max_examples=20)
@given(
    trainable=st.lists(st.booleans(), min_size=3, max_size=3),
    kind=st.sampled_from(["", "nan", "shape", "loader"]),
    verb=st.sampled_from(["measure", "metric", "blame", "recalibrate", "exact", "modes"]),
)
def test_the_model_is_left_alone(trainable: list[bool], kind: str, verb: str) -> None:
    """Variables, flags, layers' calls and random state survive every verb, errors or not."""
    model, _ = twins()
    for name, flag in zip(PATHS, trainable, strict=True):
        model.get_layer(name).trainable = flag
    read = functools.partial(_read, kind)

    def state() -> tuple[Any, ...]:
        _seed()
        return (
            [(type(layer), sorted(vars(layer)), layer.trainable) for layer in model.layers],
            [id(variable) for variable in model.variables],
        )

    before, values = state(), _weights(model)
    try:
        _run(verb, model, read)
    except (UsageError, CaptureError, OSError, ValueError) as error:
        assert kind or "frozen" in str(error)  # noqa: PT017 - which error depends on the kind
    if verb != "modes":  # there the user's own calls draw
        drawn = ops.convert_to_numpy(keras.random.uniform((3,)))
        _seed()
        assert np.array_equal(drawn, ops.convert_to_numpy(keras.random.uniform((3,))))
    assert state() == before
    seeds = ["seed" in variable.path for variable in model.variables]
    for seed, one, other in zip(seeds, values, _weights(model), strict=True):
        assert np.array_equal(one, other) or (seed and verb == "modes")
