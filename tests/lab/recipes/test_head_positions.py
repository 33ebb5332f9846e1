"""`head-positions`: dropout stands where the source has it, on three kinds of backbone."""

import pytest
import torch
from recipe_trials import SHORTEST, finished

from normdrop.lab.networks import initialise
from normdrop.lab.recipe_names import find
from normdrop.torch import Head

RECIPE = find("head-positions")


def _head(panel: str, variant: str, *, paper: bool = False) -> Head:
    settings = RECIPE.settings_for("digits", panel=panel, paper=paper)
    with torch.device("meta"):
        network = RECIPE.build(variant, (3, 32, 32), 10, settings)
    assert sum(type(module).__name__ == "Dropout" for module in network.modules()) == (
        variant != "none"
    )
    (head,) = (module for module in network.modules() if isinstance(module, Head))
    return head


@pytest.mark.parametrize("paper", [False, True])
@pytest.mark.parametrize("panel", RECIPE.panels)
@pytest.mark.parametrize(
    ("variant", "neighbours"),
    [
        ("H3", ("BatchNorm2d", "ReLU")),
        ("H4", ("ReLU", "AdaptiveAvgPool2d")),
        ("H5", ("Flatten", "Linear")),
        ("H6", ("Linear", "")),
    ],
)
def test_dropout_stands_where_the_source_has_it(
    panel: str, variant: str, neighbours: tuple[str, str], *, paper: bool
) -> None:
    """One dropout in the network, between the layers that the source names."""
    kinds = [type(layer).__name__ for layer in _head(panel, variant, paper=paper)]
    place = kinds.index("Dropout")
    before, after = kinds[place - 1], kinds[place + 1] if place + 1 < len(kinds) else ""
    assert (before, after) == neighbours


@pytest.mark.parametrize("panel", RECIPE.panels)
def test_the_rivals_differ_in_nothing_else(panel: str) -> None:
    """Without its dropout every head is the baseline's."""
    heads = {
        variant: [
            type(layer).__name__
            for layer in _head(panel, variant)
            if type(layer).__name__ != "Dropout"
        ]
        for variant in RECIPE.variants
    }
    assert all(head == heads["none"] for head in heads.values())
    assert ("Conv2d" in heads["none"]) == (panel == "mobile")


def test_the_published_figures_prefer_dropout_before_the_pooling() -> None:
    """H4 is better than none on every backbone, and H5 worse than H4."""
    for panel in RECIPE.panels:
        error = RECIPE.published_for(panel)["test_error"]
        assert error["H4"] < error["none"]
        assert error["H4"] < error["H5"]
    assert RECIPE.published_for("residual")["test_error"]["none"] == pytest.approx(21.17)


def test_a_trial_runs() -> None:
    """The smallest trial of the mobile network has the numbers that the table shows."""
    values = finished("head-positions", "H4", SHORTEST, panel="mobile").values
    assert {"test_error", "test_loss", "price"} <= set(values)


@pytest.mark.parametrize("panel", RECIPE.panels)
def test_either_side_of_relu_is_one_position(panel: str) -> None:
    """H3 and H4 give the same outputs with the same masks, as the notes say."""
    x = torch.randn(8, 1, 8, 8)
    outputs = []
    for variant in ("H3", "H4"):
        network = RECIPE.build(variant, (1, 8, 8), 10, RECIPE.settings_for("digits", panel=panel))
        initialise(network, 0)
        torch.manual_seed(0)
        outputs.append(network(x))
    assert torch.equal(*outputs)
