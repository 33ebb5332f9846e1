"""`bn-placement`: the norm stands where the variant says, whatever the activation."""

import pytest
from recipe_trials import SHORTEST, finished
from torch import nn

from normdrop.lab.recipe_names import find

RECIPE = find("bn-placement")
_LAYERS = {
    "relu": nn.ReLU,
    "relu-deep": nn.ReLU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def _layers(panel: str, variant: str, *, paper: bool = False) -> list[nn.Module]:
    settings = RECIPE.settings_for("digits", panel=panel, paper=paper)
    network = RECIPE.build(variant, (1, 8, 8), 10, settings)
    return [layer for layer in network.modules() if not list(layer.children())]


@pytest.mark.parametrize("panel", RECIPE.panels)
def test_the_norm_stands_where_the_variant_says(panel: str) -> None:
    """Between convolution and activation, behind the activation, or nowhere."""
    expected: dict[str, list[type[nn.Module]]] = {
        "none": [nn.Conv2d, _LAYERS[panel]],
        "before": [nn.Conv2d, nn.BatchNorm2d, _LAYERS[panel]],
        "after": [nn.Conv2d, _LAYERS[panel], nn.BatchNorm2d],
    }
    blocks = 6 if panel == "relu-deep" else 3
    for variant, block in expected.items():
        kinds = [type(layer) for layer in _layers(panel, variant)]
        assert kinds == [*block * blocks, nn.Flatten, nn.Linear]


def test_the_deep_panel_stays_deep_in_the_papers_setting() -> None:
    """CaffeNet's five convolutions, and twice as many."""
    count = {
        panel: sum(isinstance(layer, nn.Conv2d) for layer in _layers(panel, "none", paper=True))
        for panel in ("relu", "relu-deep")
    }
    assert count == {"relu": 5, "relu-deep": 10}


def test_the_published_errors_contradict_each_other() -> None:
    """CaffeNet gains 1.5 points by the norm behind the activation, GoogLeNet loses 1.1 by it."""
    caffenet = RECIPE.published_for("relu")["test_error"]
    googlenet = RECIPE.published_for("relu-deep")["test_error"]
    assert caffenet["before"] - caffenet["after"] == pytest.approx(1.5)
    assert googlenet["after"] - googlenet["before"] == pytest.approx(1.1)
    assert min(googlenet, key=googlenet.__getitem__) == "none"
    assert not RECIPE.published_for("sigmoid")


def test_a_trial_runs() -> None:
    """One trial of the smallest setting has every number of the table."""
    values = finished("bn-placement", "after", SHORTEST, panel="elu").values
    assert {metric.name for metric in (RECIPE.endpoint, *RECIPE.metrics)} <= set(values)
