"""What stored statistics hold is named, over situations, networks and both frameworks."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import nn
from torch.optim.swa_utils import AveragedModel

import normdrop
from normdrop.errors import ShiftWarning

Array = np.ndarray
_COUNT, _BATCH = 24, 48


def _square(outputs: Any, _: Any) -> float:  # noqa: ANN401 - tensors of either framework
    return float(np.square(keras.ops.convert_to_numpy(outputs)).mean())


@dataclass
class Subject:
    """A network and its data, channels first in torch and last in Keras.

    Attributes:
        model: The network.
        shape: Of one example.
        axis: Its channels.
    """

    model: Any
    shape: tuple[int, ...]
    axis: int

    @property
    def is_torch(self) -> bool:
        """Whether the model is torch's."""
        return not isinstance(self.model, keras.Model)

    def data(self, seed: int = 0, count: int = _COUNT, size: int = _BATCH) -> list[Any]:
        """Batches of examples that differ in their level, as images do."""
        random = np.random.default_rng(seed)
        found = []
        for _ in range(count):
            x = random.normal(size=(size, *self.shape))
            level = random.normal(size=(size, *(1 for _ in self.shape)))
            found.append((x + 0.7 * level).astype("float32"))
        return [torch.from_numpy(x) for x in found] if self.is_torch else found

    def train(self, batches: list[Any], times: int = 1) -> None:
        """Passes in train mode."""
        for x in batches * times:
            if self.is_torch:
                with torch.no_grad():
                    self.model.train()(x)
            else:
                self.model(x, training=True)

    @property
    def norms(self) -> list[Any]:
        """Its norm layers, the one nearest to the data first."""
        if self.is_torch:
            return [m for m in self.model.modules() if hasattr(m, "running_var")]
        return [m for m in self.model.layers if hasattr(m, "moving_variance")]

    @property
    def weights(self) -> list[Any]:
        """The weights before each of them."""
        if self.is_torch:
            return [m.weight for m in self.model.modules() if type(m).__name__ in _LINEAR]
        return [m.kernel for m in self.model.layers if hasattr(m, "kernel")]


_LINEAR = {"Linear", "Conv1d", "Conv2d"}


def _torch(kind: str, rate: float = 0.0, norm: str = "Batch") -> Subject:
    torch.manual_seed(0)
    dims = {"vector": 0, "series": 1, "image": 2}[kind]
    make: Any = nn.Linear if not dims else getattr(nn, f"Conv{dims}d")
    size = () if not dims else (3,)
    kept = {"affine": True, "track_running_stats": True} if norm == "Instance" else {}
    norms = getattr(nn, f"{norm}Norm{dims or 1}d")
    model = nn.Sequential(
        *(make(6, 16, *size), norms(16, **kept), nn.ReLU(), nn.Dropout(rate)),
        *(make(16, 16, *size), norms(16, **kept), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)),
    )
    shape = (6, *(8,) * dims)
    model.eval()(torch.zeros(2, *shape))
    return Subject(model.train(), shape, 0)


def _keras(kind: str, rate: float = 0.0) -> Subject:
    keras.utils.set_random_seed(0)
    dims = {"vector": 0, "series": 1, "image": 2}[kind]
    shape = (*(8,) * dims, 6)
    make: Any = layers.Dense if not dims else getattr(layers, f"Conv{dims}D")
    size = () if not dims else (3,)
    inside = [
        *(make(16, *size), layers.BatchNormalization(momentum=0.9), layers.ReLU()),
        *(layers.Dropout(rate), make(16, *size), layers.BatchNormalization(momentum=0.9)),
        *(layers.ReLU(), layers.Flatten(), layers.Dense(2)),
    ]
    return Subject(keras.Sequential([keras.Input(shape), *inside]), shape, -1)


Situation = Callable[[Subject], list[Any]]
"""Brings a network to a state, and gives the batches to measure on."""


def _clean(subject: Subject) -> list[Any]:
    subject.train(subject.data(), 3)
    return subject.data()


def _never(subject: Subject) -> list[Any]:
    return [2 * x for x in subject.data()]


def _few(subject: Subject) -> list[Any]:
    subject.train([0.3 * x for x in subject.data(count=8)])
    return [0.3 * x for x in subject.data()]


def _few_of_large(subject: Subject) -> list[Any]:
    """Beside variances far above 1 initial values do to all channels what another scale does."""
    subject.train([5 * x for x in subject.data(count=8)])
    return [5 * x for x in subject.data()]


def _scaled(subject: Subject) -> list[Any]:
    _clean(subject)
    return [0.3 * x for x in subject.data(1)]


def _stale(subject: Subject) -> list[Any]:
    _clean(subject)
    with torch.no_grad():
        weight = subject.weights[1]
        flipped = keras.ops.convert_to_numpy(weight)[::-1].copy()
        if subject.is_torch:
            weight.copy_(torch.from_numpy(2 * flipped))
        else:
            weight.assign(2 * flipped)
    return subject.data()


def _recalibrated(subject: Subject) -> list[Any]:
    _clean(subject)
    normdrop.recalibrate(subject.model, subject.data(), method="exact")
    return subject.data()


def _broken(subject: Subject) -> list[Any]:
    _clean(subject)
    norm = subject.norms[1]
    if subject.is_torch:
        norm.running_var[2] = torch.nan
    else:
        norm.moving_variance.assign(np.full(16, np.nan))
    return subject.data()


def _frozen(subject: Subject) -> list[Any]:
    _clean(subject)
    for norm in subject.norms:
        if subject.is_torch:
            norm.eval()
        else:
            norm.trainable = False
    return [3 * x for x in subject.data()]


def _thawed(subject: Subject) -> list[Any]:
    _clean(subject)
    for norm in subject.norms:
        norm.requires_grad_(requires_grad=False)
    return subject.data()


def _averaged(subject: Subject) -> list[Any]:
    average = AveragedModel(subject.model)
    subject.train(subject.data(), 3)
    average.update_parameters(subject.model)
    subject.model = average
    return [2 * x for x in subject.data()]


def _single(subject: Subject) -> list[Any]:
    subject.train(subject.data(count=400, size=1))
    return subject.data()


def _company(subject: Subject) -> list[Any]:
    subject.train(subject.data(), 3)
    return subject.data(1, count=150, size=2)


_KINDS = ("vector", "series", "image")
_BOTH: list[tuple[str, Situation, float, set[str]]] = [
    ("clean", _clean, 0.0, set()),
    ("noise", _clean, 0.5, {"noise"}),
    ("never-updated", _never, 0.0, {"never-updated"}),
    ("other-scale", _scaled, 0.0, {"other-scale"}),
    ("stale", _stale, 0.0, {"stale"}),
    ("re-estimated", _recalibrated, 0.5, {"re-estimated"}),
    ("not-finite", _broken, 0.0, {"not-finite"}),
    ("frozen", _frozen, 0.0, {"frozen"}),
    ("small-batches", _company, 0.0, {"small-batches"}),
]
_TORCH: list[tuple[str, Situation, float, set[str]]] = [
    ("averaged", _averaged, 0.0, {"averaged"}),
    ("few-updates", _few, 0.0, {"few-updates"}),
    ("thawed", _thawed, 0.0, {"thawed"}),
]
_CASES = [
    *((make, kind, *row) for make in (_torch, _keras) for kind in _KINDS for row in _BOTH),
    *((_torch, kind, *row) for kind in _KINDS for row in _TORCH),
    *((_torch, kind, "counted", _few_of_large, 0.0, {"few-updates"}) for kind in _KINDS),
    (_keras, "vector", "few-updates", _few, 0.0, {"few-updates"}),
    *((_keras, kind, "not-counted", _few_of_large, 0.0, {"undecided"}) for kind in _KINDS),
    *(
        (make, kind, "small-training-batches", _single, 0.0, {"small-training-batches"})
        for make in (_torch, _keras)
        for kind in _KINDS[1:]
    ),
]


@pytest.mark.parametrize(
    ("make", "kind", "name", "situation", "rate", "expected"),
    [pytest.param(*case, id=f"{case[0].__name__}-{case[1]}-{case[2]}") for case in _CASES],
)
def test_the_situation_is_named(  # noqa: PLR0917 - pytest passes them by name
    make: Callable[[str, float], Subject],
    kind: str,
    name: str,
    situation: Situation,
    rate: float,
    expected: set[str],
) -> None:
    """What was planted is named, and nothing else."""
    subject = make(kind, rate)
    batches = situation(subject)
    if name == "not-finite":
        with pytest.raises(normdrop.NormdropError, match=r"the stored running variance of norm"):
            normdrop.measure(subject.model, batches)
        return
    report = normdrop.measure(subject.model, [(x, 0) for x in batches], _square)
    said = report.modes.explanations if report.modes else ()
    assert {state.name for state in report.states} == expected, said


@pytest.mark.parametrize("kind", _KINDS[1:])
def test_instance_norms_have_a_gap_of_their_own(kind: str) -> None:
    """It is put down to them, and no dropout is blamed."""
    subject = _torch(kind, norm="Instance")
    batches = _clean(subject)
    report = normdrop.measure(subject.model, [(x, 0) for x in batches], _square)
    assert "instance" in {state.name for state in report.states}
    assert "noise" not in {state.name for state in report.states}


@pytest.mark.parametrize("make", [_torch, _keras])
def test_without_a_metric_the_notes_say_what_one_pass_tells(
    make: Callable[[str], Subject],
) -> None:
    """New statistics are named at no cost; settled ones give no note but the extent."""
    fresh, settled = make("image"), make("image")
    named = normdrop.measure(fresh.model, _never(fresh)).notes
    assert named[1].startswith("Never updated: ")
    assert len(normdrop.measure(settled.model, _clean(settled)).notes) == 1


@pytest.mark.parametrize("make", [_torch, _keras])
@pytest.mark.parametrize("rate", [0.0, 0.5])
@pytest.mark.parametrize("scale", [0.3, 1.0, 1.2, 4.0])
def test_inputs_scaled_otherwise_are_not_recalibrated_on(
    make: Callable[[str, float], Subject], rate: float, scale: float
) -> None:
    """Refused with a warning and nothing changed, unless forced; the same scale is taken."""
    subject = make("image", rate)
    _clean(subject)
    batches = [scale * x for x in subject.data(1)]
    if scale in {1.0, 1.2}:
        assert not normdrop.recalibrate(subject.model, batches).refused
        return
    before = copy.deepcopy(normdrop.measure(subject.model, batches).to_dict())
    with pytest.warns(ShiftWarning, match="scaled otherwise"):
        refused = normdrop.recalibrate(subject.model, batches)
    assert refused.refused
    assert not refused.stored
    assert normdrop.measure(subject.model, batches).to_dict() == before
    assert normdrop.recalibrate(subject.model, batches, force=True).stored


@pytest.mark.parametrize("make", [_torch, _keras])
@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("rate", [0.0, 0.5])
@pytest.mark.parametrize("offset", [-5.0, 0.0, 5.0])
def test_inputs_moved_by_a_constant_are_not_recalibrated_on(
    make: Callable[[str, float], Subject], kind: str, rate: float, offset: float
) -> None:
    """Refused with the constant, nothing changed, unless forced; unmoved ones are taken."""
    subject = make(kind, rate)
    _clean(subject)
    batches = [x + offset for x in subject.data(1)]
    if not offset:
        assert not normdrop.recalibrate(subject.model, batches).refused
        return
    with pytest.warns(ShiftWarning, match="moved otherwise"):
        refused = normdrop.recalibrate(subject.model, batches)
    told = float(refused.refused.partition(" added")[0].rpartition(" ")[2])
    assert told == pytest.approx(offset, rel=0.1)
    assert not refused.stored
    assert normdrop.recalibrate(subject.model, batches, force=True).stored


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.7])
@pytest.mark.parametrize("offset", [-5.0, 0.0, 5.0])
def test_moved_inputs_are_seen_behind_dropout_that_feeds_the_first_norm(
    rate: float, offset: float
) -> None:
    """However far dropout moves the variance that is stored."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 64), torch.nn.Dropout(rate), torch.nn.BatchNorm1d(64), torch.nn.ReLU()
    )
    batches = [torch.randn(64, 8) for _ in range(60)]
    for batch in batches:
        model(batch)
    moved = [batch + offset for batch in batches]
    if not offset:
        assert not normdrop.recalibrate(model, moved).refused
        return
    with pytest.warns(ShiftWarning, match="moved otherwise"):
        assert f"{offset:+.0f}" in normdrop.recalibrate(model, moved).refused


@pytest.mark.parametrize("make", [_torch, _keras])
@pytest.mark.parametrize("level", [0.0, 20.0])
def test_means_that_other_weights_made_are_recalibrated(
    make: Callable[[str], Subject], level: float
) -> None:
    """Weights that changed under the statistics move means, too, and no constant explains them."""
    subject = make("vector")
    batches = [x + level for x in subject.data()]
    subject.train(batches, 3)
    random = np.random.default_rng(3)
    with torch.no_grad():
        weight = subject.weights[0]
        values = keras.ops.convert_to_numpy(weight)
        other = random.permutation(values.ravel()).reshape(values.shape).astype("float32")
        weight.copy_(torch.from_numpy(other)) if subject.is_torch else weight.assign(other)
    assert not normdrop.recalibrate(subject.model, batches).refused


def test_small_batches_go_over_to_the_exact_method_or_say_why_not() -> None:
    """A list is read again until nothing is left; a generator gets a note; large ones nothing."""
    torch.manual_seed(0)
    widths = ((3, 16, 2), (16, 32, 2), (32, 32, 2), (32, 64, 2), (64, 64, 1), (64, 64, 1))
    model = nn.Sequential(
        *(
            layer
            for narrow, wide, stride in widths
            for layer in (
                nn.Conv2d(narrow, wide, 3, stride, 1, bias=False),
                nn.BatchNorm2d(wide, momentum=None),
                nn.SiLU(),
            )
        )
    )
    data = torch.randn(512, 3, 16, 16)
    with torch.no_grad():
        model(data)
    batches = [data[k : k + 8] for k in range(0, 512, 8)]
    done = normdrop.recalibrate(model, batches)
    assert done.method == "exact"
    assert "exact method" in " ".join(done.notes)
    for each in normdrop.measure(model, batches):
        assert each.shift == pytest.approx(1.0, abs=1e-3)
    once = normdrop.recalibrate(model, iter(batches))
    assert once.method == "batch"
    assert "Small batches" in once.notes[1]
    large = normdrop.recalibrate(model[:6], [data[k : k + 128] for k in range(0, 512, 128)])
    assert (large.method, len(large.notes)) == ("batch", 1)
