"""`tabular`: what each variant does to its inputs, and errors in the data's own units."""

from pathlib import Path

import numpy as np
import pytest
from recipe_trials import finished
from torch import nn

from normdrop.lab.context import TrialContext
from normdrop.lab.data import load
from normdrop.lab.plan import plan
from normdrop.lab.recipe_names import find
from normdrop.lab.recipes.tabular import _network
from normdrop.torch import Dropout

RECIPE = find("tabular")


@pytest.fixture(autouse=True)
def _tables(data_folder: Path) -> None:
    """The tables are there."""
    del data_folder


@pytest.mark.parametrize("panel", RECIPE.panels)
def test_errors_are_in_the_units_of_the_table(panel: str) -> None:
    """After some epochs they are below the spread of the targets, and of its order."""
    values = finished("tabular", "standardised", {"epochs": 4}, panel=panel).values
    spread = float(np.std(load(panel).test.targets))
    assert 0.2 * spread < values["rmse"] < spread
    assert 0.2 * spread < values["train_rmse"] < spread
    assert {metric.name for metric in (RECIPE.endpoint, *RECIPE.metrics)} == set(values)


def test_the_variants_have_the_layers_of_their_names() -> None:
    """Batch norm in front or in the hidden layers, and dropout there."""
    dataset = load("concrete")
    trials = plan(
        RECIPE,
        dataset,
        name="tabular",
        variants=[],
        seeds=1,
        given={},
        device="cpu",
        precision="fp32",
        panel="concrete",
    )
    assert len(trials) == 12
    for trial in trials:
        context = TrialContext(trial, RECIPE.task, dataset)
        network = _network(context, trial.variant.partition(" + ")[0])
        layers = list(network.modules())
        norms = [layer.num_features for layer in layers if isinstance(layer, nn.BatchNorm1d)]
        first = [8] if trial.variant.startswith("bn first") else []
        hidden = [32, 32] if " + bn" in trial.variant else []
        assert norms == first + hidden
        rates = [layer.p for layer in layers if isinstance(layer, Dropout)]
        assert rates == ([0.2, 0.2] if trial.variant.endswith("drop") else [])


def test_raw_and_standardised_inputs_are_told_apart() -> None:
    """Concrete is mixed in hundreds of kilograms: as they are, a few epochs do not learn them."""
    given = {"epochs": 3}
    raw, scaled = (
        finished("tabular", variant, given, panel="concrete").values["rmse"]
        for variant in ("raw", "standardised")
    )
    assert scaled < raw
