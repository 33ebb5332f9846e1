"""`schemes`: the rivals of the answer, and whether the test loss rises again."""

import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from recipe_trials import SHORTEST, finished
from torch import nn

from normdrop.lab.recipe import find
from normdrop.lab.recipes._turning_point import turning_point
from normdrop.lab.trial import Epoch
from normdrop.torch import Dropout

if TYPE_CHECKING:
    from normdrop.lab.bench import Trained

RECIPE = find("schemes")


def test_the_schemes_differ_by_order_and_dropout_alone() -> None:
    """The same convolutions and norms, and dropout of the published rates or none."""
    settings = RECIPE.settings_for("digits")
    rates = {}
    for variant in RECIPE.variants:
        network = RECIPE.build(variant, (1, 8, 8), 10, settings)
        layers = list(network.modules())
        rates[variant] = [layer.p for layer in layers if isinstance(layer, Dropout)]
        assert sum(isinstance(layer, nn.BatchNorm2d) for layer in layers) == 2
    assert list(rates.values()) == [[], [], [0.2, 0.3], [0.2, 0.3]]


def test_the_published_losses_are_those_of_the_ten_orders() -> None:
    """Of the two schemes with dropout, that with the norm first has the lower loss, by a tenth."""
    published = RECIPE.published["test_loss"]
    assert list(published) == ["conv-bn-act-drop-pool", "conv-act-drop-bn-pool"]
    assert published["conv-act-drop-bn-pool"] / published["conv-bn-act-drop-pool"] == pytest.approx(
        1.096, abs=1e-3
    )


def test_the_turning_point_of_a_curve() -> None:
    """The first of the lowest losses, and how far above it the last one lies."""
    losses = (0.9, 0.4, 0.3, 0.3, 0.5)
    epochs = tuple(
        Epoch(number, 0.0, 0.0, loss, None, 0.0) for number, loss in enumerate(losses, start=1)
    )
    trained = cast("Trained", SimpleNamespace(epochs=epochs))
    assert turning_point(trained) == {"rise": pytest.approx(0.2), "best_epoch": 3.0}
    falling = cast("Trained", SimpleNamespace(epochs=epochs[:3]))
    assert turning_point(falling) == {"rise": 0.0, "best_epoch": 3.0}


def test_a_trial_measures_its_own_curve() -> None:
    """What a trial reports is what its epochs say."""
    outcome = finished("schemes", "conv-act-drop-bn-pool", {**SHORTEST, "epochs": 3})
    losses = [epoch.test_loss for epoch in outcome.epochs]
    assert outcome.values["rise"] == losses[-1] - min(losses)
    assert losses[int(outcome.values["best_epoch"]) - 1] == min(losses)
    assert dataclasses.asdict(outcome)["measures"].keys() == {"rise", "best_epoch"}
