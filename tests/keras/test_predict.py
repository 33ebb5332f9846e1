"""Expected shifts of Keras models against torch's twin, closed forms, and what is refused."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from keras_twins import Pair, copy_weights, plain, residual, vectors
from torch import nn

import normdrop
from normdrop.errors import CaptureError, UsageError
from normdrop.keras._running import initial_share
from normdrop.keras._synthetic import pink_noise, synthetic
from normdrop.keras.capture._layers import paths_of
from normdrop.keras.watch import Passes, untouched
from normdrop.shifts.expected import causes, shifts
from normdrop.torch import watch as torch_watch
from normdrop.verbs import PredictMethod

if TYPE_CHECKING:
    from normdrop.shifts.stream import Arguments

Tensor: TypeAlias = Any
KEEP = 0.6


def _mask(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """The same dropout mask in both frameworks: channels last, the same for every pass."""
    drawn = np.random.default_rng(seed).random((64, *shape))
    return np.asarray((drawn < KEEP) / KEEP, np.float32)


class _KerasMask(layers.Layer):
    """Dropout with a mask that torch's twin has too; it draws so as to be known as noise."""

    def __init__(self, seed: int, **kwargs: Any) -> None:  # noqa: ANN401 - what Keras' own layer takes
        super().__init__(**kwargs)
        self.number = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:  # noqa: FBT001 - Keras' own
        if not training:
            return x
        keras.random.uniform((1,), seed=self.generator)
        return x * ops.convert_to_tensor(_mask(self.number, tuple(x.shape[1:]))[: x.shape[0]])


class _TorchMask(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.number = seed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        torch.rand(1)
        mask = _mask(self.number, (*x.shape[2:], x.shape[1]))[: len(x)]
        return x * torch.from_numpy(mask).movedim(-1, 1)


class _Two(nn.Module):
    """A residual branch around a mask, between norms."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8, eps=1e-3)
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.drop = _TorchMask(1)
        self.last = nn.BatchNorm2d(8, eps=1e-3)
        self.head = nn.Linear(8, 6)
        self.mask = _TorchMask(2)
        self.out = nn.BatchNorm1d(6, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = torch.relu(self.last(x + self.drop(self.conv(torch.relu(self.norm(x))))))
        y: torch.Tensor = self.out(self.mask(self.head(x.mean((2, 3)))))
        return y


def _two_functional() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same")(inputs)
    y = layers.ReLU()(layers.BatchNormalization()(x))
    y = _KerasMask(1)(layers.Conv2D(8, 3, padding="same")(y))
    x = layers.ReLU()(layers.BatchNormalization()(x + y))
    x = layers.Dense(6)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.BatchNormalization()(_KerasMask(2)(x)))


class _TwoSubclassed(keras.Model):
    """The same, with the head in a model of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = layers.Conv2D(8, 3, padding="same")
        self.norm = layers.BatchNormalization()
        self.conv = layers.Conv2D(8, 3, padding="same")
        self.drop = _KerasMask(1)
        self.last = layers.BatchNormalization()
        self.head = keras.Sequential([layers.Dense(6), _KerasMask(2), layers.BatchNormalization()])

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:  # noqa: FBT001 - Keras' own
        x = self.stem(x)
        y = ops.relu(self.norm(x, training=training))
        y = self.drop(self.conv(y), training=training)
        x = ops.relu(self.last(x + y, training=training))
        return self.head(ops.mean(x, (1, 2)), training=training)


def _two_subclassed() -> keras.Model:
    model = _TwoSubclassed()
    model(np.zeros((2, 8, 8, 3), "float32"))
    return model


def _dense() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((16,)),
            *(layers.Dense(32), _KerasMask(1), layers.BatchNormalization(), layers.ReLU()),
            *(layers.Dense(12), _KerasMask(2), layers.BatchNormalization()),
        ]
    )


def _torch_dense() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(16, 32), _TorchMask(1), nn.BatchNorm1d(32, eps=1e-3), nn.ReLU()),
        *(nn.Linear(32, 12), _TorchMask(2), nn.BatchNorm1d(12, eps=1e-3)),
    )


_MASKED: dict[str, tuple[Callable[[], keras.Model], Callable[[], nn.Module], tuple[int, ...]]] = {
    "functional": (_two_functional, _Two, (8, 8, 3)),
    "nested": (_two_subclassed, _Two, (8, 8, 3)),
    "dense": (_dense, _torch_dense, (16,)),
}


def _as_torch(x: np.ndarray) -> torch.Tensor:
    return torch.tensor(x).movedim(-1, 1).contiguous()


@pytest.mark.parametrize("name", _MASKED)
def test_equal_inputs_and_masks_give_equal_shifts_and_causes(name: str) -> None:
    """With one and the same noise, both frameworks agree to 1e-4 in every channel and share."""
    build, build_twin, shape = _MASKED[name]
    model, twin = build(), build_twin()
    copy_weights(model, twin)
    x = pink_noise((48, *shape), np.random.default_rng(0), first=False)
    with untouched(model):
        passes = Passes(model)
        ours = shifts(passes, [((x,), {})], 2)
        our_causes = causes(passes, [((x,), {})])
    with torch_watch.untouched(twin):
        twin_passes = torch_watch.Passes(twin)
        arguments: Arguments = ((_as_torch(x),), {})
        theirs = shifts(twin_passes, [arguments], 2)
        their_causes = causes(twin_passes, [arguments])
    names = dict(zip(passes.noise_layers, twin_passes.noise_layers, strict=True))
    for path, other in zip(ours.eval, theirs.eval, strict=True):
        for mode, twin_mode in ((ours.train, theirs.train), (ours.eval, theirs.eval)):
            one, two = mode[path].numbers(), twin_mode[other].numbers()
            np.testing.assert_allclose(one.variance, two.variance, rtol=1e-4)
            np.testing.assert_allclose(one.mean, two.mean, rtol=1e-4, atol=1e-5)
        shares = {names[layer]: share for layer, share in our_causes[path].items()}
        assert shares == pytest.approx(their_causes[other], abs=1e-4)
    assert any(our_causes.values())


@pytest.mark.parametrize("name", _MASKED)
def test_equal_inputs_and_masks_are_inverted_equally(name: str) -> None:
    """From the same start, the inputs found show the same shifts to 1e-4 after ten steps."""
    build, build_twin, shape = _MASKED[name]
    model, twin = build(), build_twin()
    copy_weights(model, twin)
    _settle(model, twin, pink_noise((64, *shape), np.random.default_rng(5), first=False))
    x = pink_noise((32, *shape), np.random.default_rng(0), first=False)
    with untouched(model):
        passes = Passes(model)
        moved = passes.moved(((ops.convert_to_tensor(x),), {}), 10)
        ours = shifts(passes, [moved], 1)
    with torch_watch.untouched(twin):
        twin_passes = torch_watch.Passes(twin)
        twin_moved = twin_passes.moved(((_as_torch(x),), {}), 10)
        theirs = shifts(twin_passes, [twin_moved], 1)
    assert float(np.abs(ops.convert_to_numpy(moved[0][0]) - x).max()) > 0.05
    for path, other in zip(ours.eval, theirs.eval, strict=True):
        one = ours.eval[path].variance.mean() / ours.train[path].variance.mean()
        two = theirs.eval[other].variance.mean() / theirs.train[other].variance.mean()
        assert one == pytest.approx(float(two), rel=1e-4)


def _settle(model: keras.Model, twin: nn.Module, x: np.ndarray) -> None:
    """Moving statistics as this batch shows them, in both."""
    with untouched(model):
        seen = Passes(model).train(((x * 1.3 + 0.2,), {}), 0)
    found = paths_of(model)
    every = model._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
    by_path = {found[id(layer)]: layer for layer in every if id(layer) in found}
    norms = [m for m in twin.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    for (path, one), norm in zip(seen.items(), norms, strict=True):
        by_path[path].moving_mean.assign(one.mean.astype("float32"))
        by_path[path].moving_variance.assign(one.variance.astype("float32"))
        norm.get_buffer("running_mean").copy_(torch.from_numpy(one.mean))
        norm.get_buffer("running_var").copy_(torch.from_numpy(one.variance))


@pytest.mark.parametrize("make", [plain, vectors, residual])
def test_own_noise_agrees_within_its_standard_error(make: Callable[[], Pair]) -> None:
    """With noise of its own, each framework's log Δ is within 5 standard errors of the other's.

    24 passes each on the same inputs. At 23 degrees of freedom a layer fails by chance once in
    10⁴ runs at most, and the seeds are fixed; the errors are below 3 %, so the test has power.
    """
    model, twin, shape, _ = make()
    copy_weights(model, twin)
    x = pink_noise((32, *shape), np.random.default_rng(0), first=False)
    with untouched(model):
        ours = shifts(Passes(model), [((x,), {})], 24)
    with torch_watch.untouched(twin):
        theirs = shifts(torch_watch.Passes(twin), [((_as_torch(x),), {})], 24)
    for path, other in zip(ours.eval, theirs.eval, strict=True):
        one = ours.eval[path].variance.mean() / ours.train[path].variance.mean()
        two = theirs.eval[other].variance.mean() / theirs.train[other].variance.mean()
        error = np.hypot(ours.error[path], theirs.error[other])
        assert error < 0.03
        assert abs(np.log(one / float(two))) < max(5 * error, 1e-4)


@pytest.mark.parametrize("rate", [0.1, 0.5])
@pytest.mark.parametrize("method", ["moments", "simulate"])
def test_dropout_before_norm_is_the_closed_form(rate: float, method: PredictMethod) -> None:
    """Without a bias Δ is the keep rate; 1024 inputs leave an error of 1 %, the band is 4 %."""
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(64, use_bias=False), layers.Dropout(rate)]
    )
    model.add(layers.BatchNormalization(name="norm"))
    (layer,) = normdrop.predict(model, (8,), method)
    assert layer.path == "norm"
    assert layer.shift == pytest.approx(1 - rate, rel=0.04)
    assert layer.method == method


def _trained() -> keras.Model:
    """A small network whose statistics have settled on inputs of another scale."""
    model = vectors()[0]
    with untouched(model):
        seen = Passes(model).train(((_data(3),), {}), 0)
    for norm in (layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)):
        norm.moving_mean.assign(seen[norm.name].mean.astype("float32"))
        norm.moving_variance.assign(seen[norm.name].variance.astype("float32"))
    return model


def _data(seed: int) -> np.ndarray:
    """Uniform numbers: not normal, as data are."""
    return np.random.default_rng(seed).uniform(-2, 3, (2048, 16)).astype("float32")


def test_method_follows_the_weights_and_settled_ones_are_trusted() -> None:
    """Fresh statistics are simulated and settled ones inverted, to within 12 % of the truth.

    The same seed gives the same report.
    """
    assert normdrop.predict(vectors()[0], (16,)).method == "simulate"
    model = _trained()
    report = normdrop.predict(model, (16,))
    assert report.method == "invert"
    assert report.notes == ()
    with untouched(model):
        truth = shifts(Passes(model), [((_data(4),), {})], 2)
    for layer in report:
        true = truth.eval[layer.path].variance.mean() / truth.train[layer.path].variance.mean()
        assert abs(np.log(layer.shift / true)) < 0.12
    assert report.to_dict() == normdrop.predict(model, (16,)).to_dict()


def test_statistics_that_no_input_shows_are_refused() -> None:
    """When channels' variances are unlike those of any input, nothing is said of the shift."""
    model = _trained()
    for norm in (layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)):
        variance = ops.convert_to_numpy(norm.moving_variance)
        norm.moving_variance.assign(variance * np.geomspace(0.2, 5, variance.size))
    report = normdrop.predict(model, (16,))
    assert all("do not fit" in layer.unknown for layer in report)
    assert "measure on real data" in report.notes[0]


def test_initial_values_that_still_weigh_are_told() -> None:
    """After five steps at momentum 0.99 the initial variance of 1 weighs 95 %."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6), layers.BatchNormalization()])
    model.compile("sgd", "mse")
    x = 9 * np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    assert initial_share(model) == 0
    model.fit(x, np.zeros((40, 6)), batch_size=8, verbose=0)
    assert initial_share(model) == pytest.approx(0.99**5)
    assert "95 %" in normdrop.predict(model, (4,)).notes[0]


def test_layers_with_channels_first_get_inputs_of_that_layout() -> None:
    """Pink noise falls over positions, wherever the channels are."""
    first = pink_noise((64, 3, 16, 16), np.random.default_rng(0), first=True)
    last = pink_noise((64, 16, 16, 3), np.random.default_rng(0), first=False)
    for noise, axis in ((first, 1), (last, 3)):
        neighbours = np.moveaxis(noise, axis, 1)
        along = np.mean(neighbours[:, :, :, 1:] * neighbours[:, :, :, :-1])
        across = np.mean(neighbours[:, 0] * neighbours[:, 1])
        assert along > 0.5
        assert abs(across) < 0.1
        assert noise.var() == pytest.approx(1, rel=1e-4)


def test_several_inputs_and_tokens() -> None:
    """A list or dict of inputs is made up input by input, tokens from those of the example."""
    tokens, vectors_in = (
        keras.Input((5,), dtype="int32", name="tokens"),
        keras.Input((4,), name="v"),
    )
    x = layers.Flatten()(layers.Embedding(10, 3)(tokens))
    x = layers.Dropout(0.5, name="drop")(layers.Concatenate()([x, vectors_in]))
    model = keras.Model({"tokens": tokens, "v": vectors_in}, layers.BatchNormalization()(x))
    example = {"tokens": np.array([[1, 2, 3, 4, 9]]), "v": normdrop.Input((4,))}
    (layer,) = normdrop.predict(model, example)
    assert dict(layer.causes) == {"drop": 1.0}


def test_wrong_inputs_are_refused_in_one_line() -> None:
    """Each error says what was found, and none is more than a line."""
    model, _, shape, _ = plain()
    with pytest.raises(CaptureError, match="shape") as raised:
        normdrop.predict(model, (9, 9, 5), "simulate")
    assert "\n" not in str(raised.value)
    with pytest.raises(UsageError, match=r"'guess'.*simulate"):
        normdrop.predict(model, shape, "guess")  # type: ignore[arg-type] # wrong on purpose
    with pytest.raises(UsageError, match="holds no tensor"):
        normdrop.predict(model, "8", "simulate")
    unbuilt = keras.Sequential([layers.Dense(3), layers.BatchNormalization()])
    for method in (None, "moments", "simulate", "invert"):
        with pytest.raises(CaptureError, match="is not built"):
            normdrop.predict(unbuilt, (4,), method)


def test_whole_numbers_cannot_be_optimised() -> None:
    """A model of tokens alone has no input to move: by default its shift is bounded instead."""
    model = keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            *(layers.Embedding(10, 4), layers.Flatten(), layers.BatchNormalization(name="norm")),
        ]
    )
    model.get_layer("norm").moving_variance.assign([0.5] * 12)
    with pytest.raises(UsageError, match="simulate"):
        normdrop.predict(model, np.array([[1, 2, 3]]), "invert")
    report = normdrop.predict(model, np.array([[1, 2, 3]]))
    assert report["norm"].method == "simulate"
    assert "could not be inverted" in report.notes[0]


def test_no_example_is_needed_where_inputs_are_declared() -> None:
    """The same report as with the shape, from every verb that takes an example."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    x = layers.BatchNormalization(name="norm")(layers.Dropout(0.5)(layers.Dense(8)(inputs)))
    model = keras.Model(inputs, x)
    report, given = normdrop.predict(model), normdrop.predict(model, (6,))
    assert report["norm"].shift == given["norm"].shift
    assert normdrop.check(model).codes == normdrop.check(model, (6,)).codes
    with pytest.raises(AssertionError, match="ND101"):
        normdrop.assert_clean(model)


def test_rows_of_masks_and_ids_stay_together() -> None:
    """Whole numbers that stand beside other inputs are taken row by row."""
    ids = np.arange(12).reshape(4, 3)
    example = {"ids": ids, "again": ids + 100, "x": np.zeros((4, 5), "float32")}
    made = synthetic(example, 9, np.random.default_rng(0), first=False)
    drawn = ops.convert_to_numpy(made["ids"])
    assert drawn.shape == (9, 3)
    assert {tuple(row) for row in drawn.tolist()} <= {tuple(row) for row in ids.tolist()}
    assert np.array_equal(ops.convert_to_numpy(made["again"]), drawn + 100)
    assert made["x"].shape == (9, 5)
