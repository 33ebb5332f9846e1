"""What a shift costs, against outputs of a model that is recalibrated on the same data."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

import normdrop


def _settled(model: nn.Module, batches: list[Tensor]) -> nn.Module:
    with torch.no_grad():
        for _ in range(15):
            for batch in batches:
                model(batch)
    return model.eval()


def _network(outputs: int, rate: float = 0.5) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Linear(8, 32), nn.Dropout(rate), nn.BatchNorm1d(32), nn.ReLU()),
        *(nn.Linear(32, 32), nn.Dropout(rate), nn.BatchNorm1d(32), nn.ReLU()),
        nn.Linear(32, outputs),
    )


def _batches() -> list[Tensor]:
    data = torch.randn(512, 8, generator=torch.Generator().manual_seed(1))
    return list(torch.split(data, 128))


def test_answers_that_change_are_counted() -> None:
    """The share is that of answers which recalibration on the same batches changes, to 2 points."""
    batches = _batches()
    model = _settled(_network(3), batches)
    right = copy.deepcopy(model)
    normdrop.recalibrate(right, batches, method="exact")
    x = torch.cat(batches)
    with torch.no_grad():
        changed = float((model(x).argmax(1) != right(x).argmax(1)).double().mean())
    cost = normdrop.measure(model, batches).cost
    assert cost is not None
    assert changed > 0.02
    assert abs(cost.changed - changed) <= 0.02
    assert cost.answers == 512


def test_values_of_a_regression_move() -> None:
    """In deviations of the right outputs, to a tenth of it."""
    batches = _batches()
    model = _settled(_network(1), batches)
    right = copy.deepcopy(model)
    normdrop.recalibrate(right, batches, method="exact")
    x = torch.cat(batches)
    with torch.no_grad():
        moved = float((model(x) - right(x)).square().mean().sqrt() / right(x).std())
    cost = normdrop.measure(model, batches).cost
    assert cost is not None
    assert math.isnan(cost.changed)
    assert abs(cost.moved / moved - 1) < 0.1


def test_no_shift_no_question() -> None:
    """Without dropout there is nothing to ask, and recalibration takes the cost away."""
    batches = _batches()
    assert normdrop.measure(_settled(_network(3, 0.0), batches), batches).cost is None
    model = _settled(_network(3), batches)
    normdrop.recalibrate(model, batches, method="exact")
    assert normdrop.measure(model, batches).cost is None


def test_predict_states_it_without_data() -> None:
    """On inputs found by inversion, within a factor of two of what data say."""
    batches = _batches()
    model = _settled(_network(1), batches)
    measured = normdrop.measure(model, batches).cost
    report = normdrop.predict(model, (8,))
    assert measured is not None
    assert report.cost is not None
    assert report.cost.method == "invert"
    assert 0.5 < report.cost.moved / measured.moved < 2
    assert str(report.cost) in report.to_table().notes


def _population(seed: int) -> list[Tensor]:
    data = torch.randn(8192, 8, generator=torch.Generator().manual_seed(seed))
    return list(torch.split(data, 256))


def _moved(model: nn.Module, by: list[Tensor], on: Tensor) -> float:
    """How far statistics of a whole population move the outputs, in their deviations."""
    right = copy.deepcopy(model)
    normdrop.recalibrate(right, by, method="exact", force=True)
    with torch.no_grad():
        wanted = right(on)
        return float((model(on) - wanted).square().mean().sqrt() / wanted.std(0).mean())


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.3])
def test_few_examples_tell_what_a_small_shift_costs(rate: float) -> None:
    """Of 128 examples, whose own noise is larger, to a third of what 8192 others say."""
    population = _population(2)
    model = _settled(_network(3, rate), population)
    few = _population(3)[0][:128]
    cost = normdrop.measure(model, [few]).cost
    assert cost is not None
    assert abs(cost.moved / _moved(model, population, few) - 1) < 1 / 3


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_statistics_of_other_data_cost_what_they_do(rate: float) -> None:
    """What no dropout explains is counted where it is more than the examples' noise."""
    population = _population(2)
    model = _settled(_network(3, rate), [each * 1.5 + 0.5 for each in population])
    few = torch.cat(_population(3)[:2])
    cost = normdrop.measure(model, [few]).cost
    assert cost is not None
    assert abs(cost.moved / _moved(model, population, few) - 1) < 1 / 3


@pytest.mark.parametrize("seed", range(3, 8))
def test_noise_of_few_examples_is_a_note(seed: int) -> None:
    """Without dropout and lag there is nothing to win, whatever 64 examples are like."""
    model = _settled(_network(3, 0.0), _population(2))
    cost = normdrop.measure(model, [_population(seed)[0][:64]]).cost
    assert cost is not None
    assert cost.severity == "note"
