"""`schemes`: the rivals of the answer, and whether the test loss rises again."""

import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from recipe_trials import SHORTEST, finished
from torch import nn

from normdrop.lab.recipe_names import find
from normdrop.lab.recipes._turning_point import turning_point
from normdrop.lab.trial import Epoch
from normdrop.torch import Dropout

if TYPE_CHECKING:
    from normdrop.lab.context import Trained

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
    """The first of the lowest losses, and how the last third lies to the third before it."""
    losses = (0.9, 0.5, 0.3, 0.4, 0.3, 0.7)
    epochs = tuple(
        Epoch(number, 0.0, 1 / number, loss, None, 0.0)
        for number, loss in enumerate(losses, start=1)
    )
    for count, rise, lowest in ((6, 0.15, 3.0), (3, -0.2, 3.0), (2, -0.4, 2.0), (1, 0.0, 1.0)):
        found = turning_point(cast("Trained", SimpleNamespace(epochs=epochs[:count])))
        assert found["rise"] == pytest.approx(rise)
        assert found["best_epoch"] == lowest
    whole = turning_point(cast("Trained", SimpleNamespace(epochs=epochs)))
    assert whole["train_rise"] == pytest.approx((1 / 5 + 1 / 6 - 1 / 3 - 1 / 4) / 2)


def test_a_settled_loss_rises_as_often_as_it_falls() -> None:
    """Noise alone makes no rise: over 2000 curves its mean is 0 within five standard errors."""
    generator = np.random.default_rng(0)
    rises = []
    for losses in generator.normal(size=(2000, 30)):
        epochs = tuple(Epoch(n, 0.0, 0.0, float(loss), None, 0.0) for n, loss in enumerate(losses))
        rises.append(turning_point(cast("Trained", SimpleNamespace(epochs=epochs)))["rise"])
    assert abs(np.mean(rises)) < 5 * np.std(rises) / len(rises) ** 0.5


def test_a_trial_measures_its_own_curve() -> None:
    """What a trial reports is what its epochs say."""
    outcome = finished("schemes", "conv-act-drop-bn-pool", {**SHORTEST, "epochs": 3})
    losses = [epoch.test_loss for epoch in outcome.epochs]
    assert outcome.values["rise"] == losses[-1] - losses[-2]
    assert losses[int(outcome.values["best_epoch"]) - 1] == min(losses)
    assert dataclasses.asdict(outcome)["measures"].keys() == {
        *("rise", "train_rise", "best_epoch", "price")
    }
