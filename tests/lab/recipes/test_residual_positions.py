"""`residual-positions`: dropout stands where the source has it, and equal positions are equal."""

import dataclasses

import pytest
import torch
from recipe_trials import SHORTEST, finished

from normdrop.lab.recipe_names import find
from normdrop.torch import ResidualBlock

RECIPE = find("residual-positions")


def _orders(panel: str, variant: str, *, paper: bool = False) -> list[str]:
    settings = RECIPE.settings_for("digits", panel=panel, paper=paper)
    with torch.device("meta"):
        network = RECIPE.build(variant, (3, 32, 32), 10, settings)
    return [str(block.order) for block in network.modules() if isinstance(block, ResidualBlock)]


@pytest.mark.parametrize(
    ("panel", "variant", "order"),
    [
        ("pre-activation", "none", "bn-act-conv-bn-act-conv"),
        ("pre-activation", "P1", "drop-bn-act-conv-bn-act-conv"),
        ("pre-activation", "P2", "bn-drop-act-conv-bn-act-conv"),
        ("pre-activation", "P3", "bn-act-drop-conv-bn-act-conv"),
        ("pre-activation", "P4", "bn-act-conv-drop-bn-act-conv"),
        ("pre-activation", "P5", "bn-act-conv-bn-drop-act-conv"),
        ("pre-activation", "P6", "bn-act-conv-bn-act-drop-conv"),
        ("pre-activation", "P7", "bn-act-conv-bn-act-conv-drop"),
        ("pre-activation-bottleneck", "P6", "bn-act-conv-bn-act-conv-bn-act-drop-conv"),
        ("post-activation", "P1", "conv-drop-bn-act-conv-bn"),
        ("post-activation", "P3", "conv-bn-act-drop-conv-bn"),
        ("post-activation", "P7", "conv-bn-act-conv-bn-drop"),
    ],
)
def test_dropout_stands_where_the_source_has_it(panel: str, variant: str, order: str) -> None:
    """Every block has the source's order, in the small network and in the paper's."""
    assert set(_orders(panel, variant)) == {order}
    assert set(_orders(panel, variant, paper=True)) == {order}


def test_dropout_on_the_trunk_precedes_the_split() -> None:
    """P0 stands on the trunk, and the branch has none."""
    network = RECIPE.build("P0", (1, 8, 8), 10, RECIPE.settings_for("digits"))
    blocks = [block for block in network.modules() if isinstance(block, ResidualBlock)]
    assert {type(block.trunk).__name__ for block in blocks} == {"Dropout"}
    assert {str(block.order) for block in blocks} == {"bn-act-conv-bn-act-conv"}


def test_the_networks_have_the_layers_that_the_notes_tell() -> None:
    """Small ones of 8, 14 and 11 layers; the paper's of 50 and 110 (54 bottlenecks)."""
    blocks = {
        (panel, paper): len(_orders(panel, "none", paper=paper))
        for panel in RECIPE.panels
        for paper in (False, True)
    }
    assert blocks["pre-activation", False] * 2 + 2 == 8
    assert blocks["pre-activation-deeper", False] * 2 + 2 == 14
    assert blocks["pre-activation-bottleneck", False] * 3 + 2 == 11
    assert blocks["pre-activation", True] * 2 + 2 == 50
    assert blocks["post-activation", True] * 2 + 2 == 50
    assert blocks["post-activation-deeper", True] * 2 + 2 == 110
    assert blocks["pre-activation-deeper", True] * 2 + 2 == 110
    assert blocks["pre-activation-bottleneck", True] == 54


def test_the_published_figures_say_what_the_source_says() -> None:
    """P5 is best at either depth and P0 worst, the worse the deeper; P5 and P6 differ by chance."""
    shallow = RECIPE.published_for("pre-activation")["test_error"]
    deep = RECIPE.published_for("pre-activation-deeper")["test_error"]
    post = RECIPE.published_for("post-activation")["test_error"]
    assert sorted(shallow, key=shallow.__getitem__)[:2] == ["P5", "P7"]
    assert shallow["P6"] - shallow["P5"] == pytest.approx(0.15)
    assert min(deep, key=deep.__getitem__) == "P5"
    assert max(shallow, key=shallow.__getitem__) == max(deep, key=deep.__getitem__) == "P0"
    assert deep["P0"] == pytest.approx(29.06)
    deeper = RECIPE.published_for("post-activation-deeper")["test_error"]
    assert deeper["none"] - deeper["P7"] == pytest.approx(0.24)
    assert list(deep) == list(shallow)
    assert post["none"] - post["P7"] == pytest.approx(0.19)


@pytest.mark.parametrize(("one", "other"), [("P2", "P3"), ("P5", "P6")])
def test_positions_on_either_side_of_relu_are_one(one: str, other: str) -> None:
    """With equal seeds the two give the same numbers, to the last digit."""
    values = [
        dict(finished("residual-positions", name, SHORTEST, panel="pre-activation").values)
        for name in (one, other)
    ]
    assert values[0] == values[1]
    assert {"test_error", "test_loss", "shift", "price"} <= set(values[0])


def test_the_source_trains_as_published() -> None:
    """164 epochs, the rate 0.1 at first, a tenth after 81 epochs and again after 122."""
    from normdrop.lab.settings import TrainingSettings

    settings = TrainingSettings.of(
        RECIPE.settings_for("cifar-10", panel="pre-activation", paper=True)
    )
    rates = [round(settings.learning_rate_at(epoch), 6) for epoch in (1, 81, 82, 122, 123, 164)]
    assert rates == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    assert dataclasses.replace(settings, learning_rate_drops=()) == TrainingSettings(
        epochs=164,
        batch_size=128,
        learning_rate=0.1,
        optimizer="sgd",
        weight_decay=1e-4,
        initialisation="he",
        augment=True,
    )
