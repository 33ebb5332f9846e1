"""`gamma-init`: every norm has a ReLU behind it and starts with the variant's γ."""

import math

import pytest
import torch
from recipe_trials import SHORTEST, finished
from torch import Tensor, nn

from normdrop.lab.recipe_names import find

RECIPE = find("gamma-init")


def _network(panel: str, variant: str) -> nn.Module:
    return RECIPE.build(variant, (1, 8, 8), 10, RECIPE.settings_for("digits", panel=panel))


@pytest.mark.parametrize("panel", RECIPE.panels)
def test_what_leaves_relu_has_mean_square_one(panel: str) -> None:
    """With γ = √2 every ReLU's outputs have mean square 1, with γ = 1 half of it, to 10 %.

    Every norm layer of the networks has a ReLU behind it, so there are as many of either.
    """
    torch.manual_seed(0)
    for variant, expected in (("sqrt-2", 1.0), ("one", 0.5)):
        network = _network(panel, variant)
        norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
        assert {round(gamma, 6) for norm in norms for gamma in norm.weight.tolist()} == {
            round(math.sqrt(2 * expected), 6)
        }
        squares: list[float] = []

        def note(_module: nn.Module, _inputs: tuple[Tensor], outputs: Tensor) -> None:
            squares.append(outputs.square().mean().item())  # noqa: B023 - called in this turn

        for module in network.modules():
            if isinstance(module, nn.ReLU):
                module.register_forward_hook(note)
            if type(module).__name__ == "Dropout":
                module.eval()
        network(torch.randn(256, 1, 8, 8))
        assert len(squares) == len(norms)
        assert sum(squares) / len(squares) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("panel", RECIPE.panels)
def test_dropout_is_where_the_panel_says(panel: str) -> None:
    """Panels are named after what they have, and a trial of each runs."""
    dropouts = [m for m in _network(panel, "one").modules() if type(m).__name__ == "Dropout"]
    assert len(dropouts) == (3 if panel.endswith("dropout") else 0)
    assert "test_error" in finished("gamma-init", "sqrt-2", SHORTEST, panel=panel).values
