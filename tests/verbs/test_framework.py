"""Each framework opens one door, and one more is one class and one registration."""

import dataclasses
import inspect

import numpy as np
import pytest
from toy_framework import BatchNorm, Dense, Dropout, Network, _Door

import normdrop
from normdrop import verbs
from normdrop.errors import CaptureError, UsageError
from normdrop.keras.model import KerasModel
from normdrop.torch.model import TorchModel

verbs.register("toy_framework", "toy_framework:_Door")

_WIDTH = 256
_DOORS: list[type[verbs.Model]] = [TorchModel, KerasModel, _Door]


def _network(*, rate: float = 0.5, settled: bool = False) -> Network:
    """Two blocks of dense, dropout and norm; statistics new, or learned of noisy batches."""
    random = np.random.default_rng(0)
    first = random.normal(0, 8**-0.5, (8, _WIDTH))
    second = random.normal(0, _WIDTH**-0.5, (_WIDTH, 32))
    layers: list[Dense | Dropout | BatchNorm] = [
        *(Dense(first), Dropout(rate), BatchNorm(np.zeros(_WIDTH), np.ones(_WIDTH))),
        *(Dense(second), BatchNorm(np.zeros(32), np.ones(32))),
    ]
    network = Network(layers)
    if settled:
        for seed in range(100):
            network(random.normal(size=(256, 8)), training=True, seed=seed)
    return network


def _batches() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.normal(size=(256, 8)) for _ in range(20)]


def _weight(network: Network, index: int) -> np.ndarray:
    layer = network.layers[index]
    assert isinstance(layer, Dense)
    return layer.weight


@pytest.mark.parametrize("door", _DOORS)
def test_a_door_has_all_that_verbs_ask(door: type[verbs.Model]) -> None:
    """Every method of the protocol, taking the arguments by the names it gives them."""
    for name, wanted in inspect.getmembers(verbs.Model, inspect.isfunction):
        if name.startswith("_"):
            continue
        given = inspect.signature(getattr(door, name)).parameters
        free = any(each.kind is each.VAR_KEYWORD for each in given.values())
        missing = [each for each in inspect.signature(wanted).parameters if each not in given]
        assert free or not missing, f"{door.__name__}.{name} takes no {missing}"


@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_predict_takes_a_third_framework(rate: float) -> None:
    """Δ is the keep rate behind dropout that feeds a norm, to 4 %, and that dropout is to blame."""
    report = normdrop.predict(_network(rate=rate), (8,))
    assert report.method == "simulate"
    assert report["2"].shift == pytest.approx(1 - rate, rel=0.04)
    assert dict(report["2"].causes) == {"1": 1.0}
    moments = normdrop.predict(_network(rate=rate), (8,), "moments")
    assert moments["2"].shift == pytest.approx(1 - rate, rel=1e-6)


def test_check_takes_a_third_framework() -> None:
    """Dropout before a norm is found, and none where there is none."""
    findings = normdrop.check(_network(), (8,))
    assert ("ND101", ("1", "2")) in [(each.code, each.layers[:2]) for each in findings]
    assert "ND101" not in normdrop.check(_network(rate=0.0), (8,)).codes


def test_measure_takes_a_third_framework() -> None:
    """The shift on data is that against brute force; noise explains the metric's difference."""
    network, batches = _network(settled=True), _batches()
    before = [dataclasses.replace(norm) for norm in network.norms().values()]
    report = normdrop.measure(network, batches, lambda outputs, _: outputs.var(), blame=True)
    values = np.concatenate(batches) @ _weight(network, 0)
    np.testing.assert_allclose(np.asarray(report["2"].eval_variance), values.var(0), rtol=1e-9)
    assert report["2"].shift == pytest.approx(0.5, rel=0.05)
    assert dict(report["2"].causes) == {"1": 1.0}
    assert report.modes is not None
    assert report.modes.train_mode == pytest.approx(1, rel=0.01)
    assert report.modes.explanations[0].startswith("Noise: with dropout off '2'")
    for norm, was in zip(network.norms().values(), before, strict=True):
        assert np.array_equal(norm.variance, was.variance)


@pytest.mark.parametrize("method", ["batch", "exact"])
def test_recalibrate_takes_a_third_framework(method: verbs.RecalibrateMethod) -> None:
    """Both layers get the statistics of all data without dropout, by brute force; undo undoes."""
    network, batches = _network(settled=True), _batches()
    first, second = network.norms().values()
    was = first.variance
    done = normdrop.recalibrate(network, batches, method=method)
    x = np.concatenate(batches) @ _weight(network, 0)
    np.testing.assert_allclose(first.mean, x.mean(0), atol=1e-9)
    np.testing.assert_allclose(first.variance, x.var(0), rtol=1e-9)
    if method == "exact":
        hidden = first.by(x, first.mean, first.variance)
        after = hidden @ _weight(network, 3)
        np.testing.assert_allclose(second.variance, after.var(0), rtol=1e-6)
    done.undo()
    np.testing.assert_array_equal(first.variance, was)
    with normdrop.recalibrated(network, batches, method=method, frozen=("4",)) as only:
        assert only.frozen == ("4",)


def test_a_third_framework_refuses_in_words() -> None:
    """What it cannot do it says, and what its models raise is a line that names the batch."""
    settled = _network(settled=True)
    with pytest.raises(UsageError, match="takes gradients"):
        normdrop.predict(settled, (8,), "invert")
    assert "takes gradients" in normdrop.predict(settled, (8,)).notes[0]
    with pytest.raises(UsageError, match="fix cannot change models like Network"):
        normdrop.fix(settled, (8,))
    with pytest.raises(CaptureError, match="batch 1, Network: "):
        normdrop.measure(settled, [np.zeros((4, 9))])


def test_a_package_has_one_door() -> None:
    """Registering the same again changes nothing; another door is refused."""
    verbs.register("toy_framework", "toy_framework:_Door")
    with pytest.raises(UsageError, match="toy_framework:_Door, not elsewhere:Door"):
        verbs.register("toy_framework", "elsewhere:Door")
