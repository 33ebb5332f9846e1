"""Measured statistics against torch's and against numpy's on all values at once."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from measured_twins import PATHS, batches, for_torch, twins

import normdrop
from normdrop.errors import CaptureError, UsageError

Arrays = list[np.ndarray]


def _reached(model: keras.Model, name: str, inputs: Arrays) -> np.ndarray:
    """All values that reach a layer in evaluation, (values, channels), from a sub-model."""
    part = keras.Model(model.inputs[0], model.get_layer(name).input)
    values = [np.array(ops.convert_to_numpy(part(x, training=False))) for x in inputs]
    return np.concatenate([x.reshape(-1, x.shape[-1]) for x in values]).astype(np.float64)


def _accuracy(outputs: Any, targets: Any) -> float:  # noqa: ANN401 - either framework's
    outputs, targets = np.asarray(ops.convert_to_numpy(outputs)), np.asarray(targets)
    return float((outputs.argmax(-1) == targets).mean())


def test_both_frameworks_measure_the_same() -> None:
    """One network with equal weights: every statistic and shift within 1e-3, paths aside."""
    model, twin = twins()
    ours = normdrop.measure(model, batches())
    theirs = normdrop.measure(twin, for_torch(batches()))
    assert ours.notes == theirs.notes
    for path, other in PATHS.items():
        for name in ("eval_mean", "eval_variance", "train_mean", "train_variance"):
            one, two = getattr(ours[path], name), getattr(theirs[other], name)
            np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-5)
        assert ours[path].shift == pytest.approx(theirs[other].shift, rel=1e-3)
        assert ours[path].mean_shift == pytest.approx(theirs[other].mean_shift, rel=1e-3)


def test_modes_without_dropout_agree_with_torch() -> None:
    """By moving and by batch statistics the metric is torch's; with dropout the noise differs."""
    model, twin = twins()
    ours = normdrop.measure(model, batches(), _mean_square).modes
    theirs = normdrop.measure(twin, for_torch(batches()), _mean_square).modes
    assert ours is not None
    assert theirs is not None
    assert ours.eval_mode == pytest.approx(theirs.eval_mode, rel=1e-3)
    assert ours.batch_statistics == pytest.approx(theirs.batch_statistics, rel=1e-3)
    assert ours.dropout_on != ours.eval_mode


@pytest.mark.parametrize("name", PATHS)
def test_statistics_are_those_of_all_values(name: str) -> None:
    """Means within 2e-6 deviations and variances within 2e-5 of two passes in float64."""
    model, _ = twins()
    values = _reached(model, name, [x for x, _ in batches()])
    layer = normdrop.measure(model, batches())[name]
    np.testing.assert_allclose(np.asarray(layer.eval_variance), values.var(0), rtol=2e-5)
    off = (np.asarray(layer.eval_mean) - values.mean(0)) / values.std(0)
    assert np.abs(off).max() < 2e-6
    np.testing.assert_array_equal(
        layer.train_variance, ops.convert_to_numpy(model.get_layer(name).moving_variance)
    )


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("count", [1, 70])
def test_either_channel_axis(axis: int, count: int) -> None:
    """Channels first and last, few batches and many."""
    model = keras.Sequential([keras.Input((4, 5, 3)), layers.BatchNormalization(axis, name="bn")])
    generator = np.random.default_rng(0)
    inputs = [generator.normal(3.0, 2.0, (2, 4, 5, 3)).astype("float32") for _ in range(count)]
    values = np.moveaxis(np.concatenate(inputs).astype(np.float64), axis, -1)
    values = values.reshape(-1, values.shape[-1])
    layer = normdrop.measure(model, inputs)["bn"]
    np.testing.assert_allclose(np.asarray(layer.eval_mean), values.mean(0), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(layer.eval_variance), values.var(0), rtol=1e-5)


def test_a_shared_norm_counts_every_call() -> None:
    """A layer called twice is measured on all it meets."""
    inputs = keras.Input((2,))
    norm, dense = layers.BatchNormalization(name="bn"), layers.Dense(2)
    model = keras.Model(inputs, norm(dense(norm(inputs))))
    x = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
    second = ops.convert_to_numpy(dense(norm(x)))
    values = np.concatenate([x, second]).astype(np.float64)
    layer = normdrop.measure(model, [x])["bn"]
    np.testing.assert_allclose(np.asarray(layer.eval_variance), values.var(0), rtol=1e-5)


def test_masked_positions_do_not_count() -> None:
    """Batches with more and fewer masked steps are weighted by what is not masked."""
    model = keras.Sequential(
        [keras.Input((6, 3)), layers.Masking(0.0), layers.BatchNormalization(name="bn")]
    )
    generator = np.random.default_rng(0)
    first, second = (generator.normal(2.0, 3.0, (8, 6, 3)).astype("float32") for _ in range(2))
    first[:, 2:], second[3:, 5:] = 0.0, 0.0
    masked = np.zeros((4, 6, 3), "float32")  # nothing of it counts
    values = np.concatenate([x.reshape(-1, 3) for x in (first, second)]).astype(np.float64)
    values = values[(values != 0).any(1)]
    layer = normdrop.measure(model, [first, second, masked])["bn"]
    np.testing.assert_allclose(np.asarray(layer.eval_mean), values.mean(0), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(layer.eval_variance), values.var(0), rtol=1e-5)


_WIDEST = [] if keras.backend.backend() == "jax" else ["float64"]  # JAX has it only if set so


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16", *_WIDEST])
def test_other_precisions(precision: str) -> None:
    """Statistics of half-precision layers are taken of their own values in single precision."""
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, dtype=precision),
            layers.BatchNormalization(name="bn", dtype=precision),
        ]
    )
    x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
    reached = ops.cast(model.layers[0](x), "float32")
    values = np.asarray(ops.convert_to_numpy(reached), np.float64)
    layer = normdrop.measure(model, [x])["bn"]
    np.testing.assert_allclose(np.asarray(layer.eval_variance), values.var(0), rtol=1e-5)


def _dropped(rate: float = 0.5) -> tuple[keras.Model, list[tuple[np.ndarray, np.ndarray]]]:
    """A settled network with dropout before its norm layer, and its batches."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(64),
            layers.Dropout(rate, name="drop"),
            layers.BatchNormalization(name="bn", momentum=0.9),
            layers.Dense(3),
        ]
    )
    generator = np.random.default_rng(0)
    pairs = [
        (generator.normal(size=(64, 8)).astype("float32"), generator.integers(0, 3, 64))
        for _ in range(50)
    ]
    for x, _ in pairs:
        model(x, training=True)
    return model, pairs


def test_dropout_is_named_as_the_noise() -> None:
    """A rate of 0.5 halves the variance, and the words say that noise does."""
    model, pairs = _dropped()
    report = normdrop.measure(model, pairs, _accuracy)
    assert report["bn"].shift == pytest.approx(0.5, abs=0.03)
    assert report.modes is not None
    assert [words.partition(":")[0] for words in report.modes.explanations] == ["Noise"]


def test_settled_statistics_without_dropout_need_no_explanation() -> None:
    """The biased moving variance is compared with the batches' biased ones: small batches too."""
    model, pairs = _dropped(0.0)
    small = [(x[i : i + 4], y[i : i + 4]) for x, y in pairs[:8] for i in range(0, 64, 4)]
    for x, _ in small:
        model(x, training=True)
    modes = normdrop.measure(model, small, _accuracy).modes
    assert modes is not None
    assert [words.partition(":")[0] for words in modes.explanations] == ["Small batches"]


def test_metrics_of_all_kinds_agree() -> None:
    """A function, a Keras metric with its targets first, and a collector give the same values."""
    model, pairs = _dropped()
    metric = keras.metrics.SparseCategoricalAccuracy()
    metric.update_state(np.array([0]), np.array([[1.0, 0.0]]))
    before = [np.array(ops.convert_to_numpy(v)) for v in metric.variables]
    found: list[Any] = [metric, _accuracy, _Collector()]
    tables = [normdrop.measure(model, iter(pairs[:3]), each).modes for each in found]
    for name in ("eval_mode", "batch_statistics", "dropout_on", "train_mode"):
        values = [getattr(table, name) for table in tables]
        assert values == pytest.approx([values[0]] * len(found), abs=1e-6)
    assert all(
        np.array_equal(one, ops.convert_to_numpy(two))
        for one, two in zip(before, metric.variables, strict=True)
    )
    assert tables[0] is not None
    assert tables[0].metric == "SparseCategoricalAccuracy"


class _Collector:
    """A metric that collects, as torchmetrics' do."""

    def __init__(self) -> None:
        self.hits: list[bool] = []

    def update(self, outputs: Any, targets: Any) -> None:  # noqa: ANN401 - tensors
        best = np.asarray(ops.convert_to_numpy(outputs)).argmax(-1)
        self.hits += (best == ops.convert_to_numpy(targets)).tolist()

    def compute(self) -> float:
        return float(np.mean(self.hits))

    def reset(self) -> None:
        self.hits = []


def test_sample_weights_reach_a_keras_metric() -> None:
    """Examples of weight 0 do not count."""
    model, pairs = _dropped()
    x, y = pairs[0]
    weights = (y == 0).astype("float32")
    metric = keras.metrics.SparseCategoricalAccuracy()
    modes = normdrop.measure(model, [(x, y, weights)], metric).modes
    kept = normdrop.measure(model, [(x[y == 0], y[y == 0])], metric).modes
    assert modes is not None
    assert kept is not None
    assert modes.eval_mode == pytest.approx(kept.eval_mode)


def test_modes_are_those_of_keras_itself() -> None:
    """Eval mode is `model(x)`; train mode without dropout is `model(x, training=True)`."""
    model, pairs = _dropped(0.0)
    table = normdrop.measure(model, pairs[:4], _mean_square).modes
    assert table is not None
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    for name, training in (("eval_mode", False), ("train_mode", True)):
        values = [_mean_square(copied(x, training=training), y) for x, y in pairs[:4]]
        assert getattr(table, name) == pytest.approx(np.mean(values), rel=1e-5)


def _mean_square(outputs: Any, targets: Any) -> float:  # noqa: ANN401 - tensors
    del targets
    return float(np.square(ops.convert_to_numpy(outputs)).mean())


class _Handwritten(keras.Model):
    """One norm layer that always goes by what it has stored, and one that always by its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.still = layers.BatchNormalization(name="still")
        self.restless = layers.BatchNormalization(name="restless")

    def call(self, x: Any, training: bool | None = None) -> Any:  # noqa: ANN401, FBT001 - Keras' own
        del training
        return self.restless(self.still(x, training=False), training=True)


def test_norms_that_do_not_follow_the_mode() -> None:
    """The four modes keep both as they are written."""
    model = _Handwritten()
    x = np.random.default_rng(0).normal(1.0, 2.0, (32, 3)).astype("float32")
    model(x)
    expected = [np.array(ops.convert_to_numpy(w)) for w in model.weights]
    table = normdrop.measure(model, [(x, x)], _mean_square).modes
    assert table is not None
    values = [table.eval_mode, table.batch_statistics, table.dropout_on, table.train_mode]
    assert values == pytest.approx([values[0]] * 4)
    assert values[0] == pytest.approx(1.0, abs=0.01)
    for weight, before in zip(model.weights, expected, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight), before)


def _raising() -> Iterator[np.ndarray]:
    yield np.ones((4, 8), "float32")
    raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (list, "there are no batches"),
        (lambda: [np.full((4, 8), np.nan, "float32")], "batch 1 brings NaN"),
        (
            lambda: [np.ones((4, 7), "float32")],
            r"batch 1, Sequential.call\(\): ValueError: Input 0",
        ),
        (_raising, "raised OSError after 1: the disk is gone"),
        (lambda: np.ones((4, 8)), r"one ndarray: for a single batch pass \[batch\]"),
    ],
)
@pytest.mark.parametrize("verb", ["measure", "four modes", "recalibrate"])
def test_bad_batches(given: Callable[[], Any], words: str, verb: str) -> None:
    """One line that names the batch, and the model as it was."""
    model, _ = _dropped()
    before = copy.deepcopy(model.get_weights())
    run: dict[str, Callable[[], object]] = {
        "measure": lambda: normdrop.measure(model, given()),
        "four modes": lambda: normdrop.measure(model, given(), _mean_square),
        "recalibrate": lambda: normdrop.recalibrate(model, given()),
    }
    with pytest.raises((UsageError, CaptureError), match=words) as error:
        run[verb]()
    assert "\n" not in str(error.value)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_cannot_be_measured() -> None:
    """A model that is not built, a single value per channel, a device, and no metric."""
    with pytest.raises(CaptureError, match="is not built"):
        normdrop.measure(keras.Sequential([layers.Dense(2)]), [np.ones((2, 2))])
    model, pairs = _dropped()
    with pytest.raises(UsageError, match="one value per channel"):
        normdrop.measure(model, [pairs[0][0][:1]])
    with pytest.raises(UsageError, match=r"keras\.device"):
        normdrop.measure(model, pairs, device="cpu")
    with pytest.raises(UsageError, match="not int"):
        normdrop.measure(model, pairs, 7)
    with pytest.raises(UsageError, match="the batches hold no targets"):
        normdrop.measure(model, [pairs[0][0]], keras.metrics.SparseCategoricalAccuracy())


def test_no_gradient_is_recorded() -> None:
    """What a metric gets belongs to no graph, where the backend records one unasked."""
    model, pairs = _dropped()

    def recorded(outputs: torch.Tensor, targets: object) -> float:
        del targets
        return float(getattr(outputs, "requires_grad", False))  # torch alone records by itself

    table = normdrop.measure(model, pairs[:2], recorded).modes
    assert table is not None
    assert table.train_mode == 0.0
