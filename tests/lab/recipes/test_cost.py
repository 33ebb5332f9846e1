"""`cost`: bytes against what a layer is known to keep, times against heavier and equal networks."""

import pytest
import torch
from recipe_trials import finished
from torch import Tensor, nn

from normdrop.lab.recipe_names import find
from normdrop.lab.recipes._step_cost import bytes_kept, median_step_seconds
from normdrop.lab.task import CLASSIFICATION, Task

RECIPE = find("cost")
_N, _IN, _WIDTH = 16, 4, 8
_FLOAT = 4


def _sum(outputs: Tensor, inputs: Tensor, targets: Tensor, reduction: str) -> Tensor:
    del inputs, targets, reduction
    return outputs.sum()


_KEEPS_NOTHING = Task("adds up", None, _sum)


def _bytes(*layers: nn.Module) -> int:
    network = nn.Sequential(nn.Linear(_IN, _WIDTH), *layers, nn.Linear(_WIDTH, 3))
    batch = torch.randn(_N, _IN), torch.zeros(_N)
    return bytes_kept(network, _KEEPS_NOTHING, batch)


def test_bytes_are_those_that_the_layers_are_known_to_keep() -> None:
    """ReLU its output, once though the next weight keeps it too; batch norm its input and moments.

    Dropout on a processor keeps its input's multiplier, of the input's size.
    """
    activations = _N * _WIDTH * _FLOAT
    moments = 2 * _WIDTH * _FLOAT
    assert _bytes(nn.ReLU()) == activations
    assert _bytes(nn.BatchNorm1d(_WIDTH), nn.ReLU()) == 2 * activations + moments
    assert _bytes(nn.ReLU(), nn.Dropout()) > 2 * activations
    assert _bytes(nn.ReLU(), nn.Identity()) == _bytes(nn.ReLU())


def test_steps_are_timed_side_by_side() -> None:
    """A network of many times the work takes longer; of two alike none pays for who went before."""
    wide, narrow, same = (
        nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
        for width in (2048, 64, 64)
    )
    batch = torch.randn(64, 64), torch.zeros(64, dtype=torch.int64)
    seconds = median_step_seconds([wide, narrow, same], CLASSIFICATION, batch, rounds=100)
    assert seconds[0] > 2 * seconds[1]
    assert seconds[2] == pytest.approx(seconds[1], rel=0.5)


def test_the_published_times_are_those_of_the_source() -> None:
    """86 % for batch norm, 17 % for dropout."""
    assert RECIPE.published_for("perceptron") == {
        "time_ratio": {"plain": 1.0, "bn": 1.86, "drop (torch)": 1.17}
    }
    assert not RECIPE.published_for("convolutional")


@pytest.mark.parametrize("panel", RECIPE.panels)
def test_plain_costs_what_plain_costs(panel: str) -> None:
    """The baseline is timed against itself; what dropout keeps comes on top."""
    given = {"epochs": 1, "limit_train": 64, "rounds": 10, "goal": 0.0}
    names = {metric.name for metric in (RECIPE.endpoint, *RECIPE.metrics)}
    values = {
        variant: finished("cost", variant, given, panel=panel).values
        for variant in ("plain", "drop (torch)", "bn + drop (normdrop)")
    }
    assert all(set(each) == names for each in values.values())
    assert values["plain"]["kept_ratio"] == 1
    assert values["plain"]["epochs_to_goal"] == 2
    assert 0.5 < values["plain"]["time_ratio"] < 2
    assert values["drop (torch)"]["kept_ratio"] > 1.2
