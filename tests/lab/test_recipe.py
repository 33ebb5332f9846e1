"""Recipes: every file in the folder is one, and nothing else is taken for one."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from normdrop.errors import RecipeError
from normdrop.lab import recipe_names as recipes
from normdrop.lab.data import Dataset, source
from normdrop.lab.payload import Payload
from normdrop.lab.recipe import Recipe
from normdrop.lab.settings import TrainingSettings
from normdrop.lab.train import train
from normdrop.lab.trial import Trial


@pytest.mark.parametrize("name", recipes.recipe_names())
def test_every_recipe_builds_on_its_data(name: str) -> None:
    """A recipe is called like its file, and each variant's network builds and answers."""
    recipe = recipes.find(name)
    assert recipe.name == name
    for panel in recipe.panels or [None]:
        _check_networks(recipe, panel, paper=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", recipes.recipe_names())
def test_every_recipe_builds_as_its_source_has_it(name: str) -> None:
    """So do the source's networks, some of which have a hundred layers and more."""
    recipe = recipes.find(name)
    for panel in recipe.panels or [None]:
        _check_networks(recipe, panel, paper=True)


def _check_networks(recipe: Recipe, panel: str | None, *, paper: bool) -> None:
    """Every variant's network answers with one output per class, or with one value."""
    if recipe.network is None or recipe.data is None:
        return
    papers = recipe.paper_data if paper else None
    data = source(recipe.panel(panel).data or papers or recipe.data)
    settings = recipe.settings_for(data.name, panel=panel, paper=paper)
    TrainingSettings.of(settings)
    for variant in recipe.rivals(panel)[0]:
        with torch.device("meta"):
            network = recipe.build(variant, data.shape, data.classes or 1, settings)
            outputs = network(torch.zeros(2, *data.shape))
        if recipe.task.data is not None:
            assert outputs.shape == (2, data.classes or 1)


def test_ten_orders_has_the_published_table() -> None:
    """Ten orders, led by the published winner, with the published ratio of last to first."""
    recipe = recipes.find("ten-orders")
    losses = list(recipe.published["test_loss"].values())
    assert len(recipe.variants) == 10
    assert losses == sorted(losses)
    assert math.isclose(losses[-1] / losses[0], 2.103, abs_tol=1e-3)


_MINE = """
from __future__ import annotations

from dataclasses import dataclass

from beside import WIDTH
from normdrop import Recipe
from torch import nn


@dataclass
class Config:
    width: int = WIDTH


def network(variant, shape, classes, settings):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, Config().width), nn.Linear(Config().width, 10))


RECIPE = Recipe(name="mine", variants=("a",), data="digits", network=network)
"""


def test_a_file_is_known_by_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rivals, seeds and comments may change; what a network is built by may not, unnoticed."""
    file = tmp_path / "mine.py"
    (tmp_path / "beside.py").write_text("WIDTH = 8\n")
    file.write_text(_MINE)
    name = recipes.stored_name(str(file), recipes.find(str(file)))
    assert recipes.file_of(name) == file
    assert recipes.without_code(name) == str(file)
    monkeypatch.chdir(tmp_path)
    assert recipes.stored_name("./mine.py", recipes.find("./mine.py")) == name
    file.write_text("# mine\n" + _MINE.replace('("a",)', '("a", "b"), seeds=9'))
    changed = recipes.find(str(file))
    assert recipes.stored_name(str(file), changed) == name
    assert changed.seeds == 9
    file.write_text(_MINE.replace("Linear(64", "LazyLinear(64"))
    assert recipes.stored_name(str(file), recipes.find(str(file))) != name


def test_a_run_trains_the_text_that_it_began_with(tmp_path: Path, digits: Dataset) -> None:
    """A file that is edited meanwhile changes nothing under the old name."""
    file = tmp_path / "mine.py"
    (tmp_path / "beside.py").write_text("WIDTH = 8\n")
    file.write_text(_MINE)
    name = recipes.stored_name(str(file), recipes.find(str(file)))
    Payload(texts={name: file.read_bytes()}).write(tmp_path / "payload")
    file.write_text("RECIPE = 'rubbish'")
    kept = Payload.read(tmp_path / "payload").recipe(name)
    assert recipes.stored_name(name, kept) == name
    with pytest.raises(RecipeError, match=r"mine\.py: does not define RECIPE"):
        Payload().recipe(name)
    assert not kept.panels
    assert digits.name == kept.data


def test_a_recipe_of_another_version_is_not_trained(tiny_trial: Callable[..., Trial]) -> None:
    """A run that began before an upgrade does not mix its results with those after it."""
    outcome = train(dataclasses.replace(tiny_trial(), recipe_version=0), None)
    assert outcome.status == "failed"
    assert "of version 1 by now, and this run began with version 0" in outcome.message


def test_a_setting_is_a_number_or_a_text(tiny: str) -> None:
    """What JSON would bring back as something else is refused before anything is trained."""
    recipe = recipes.find(tiny)
    for value in ((16, 32), np.int64(3), [1]):
        with pytest.raises(RecipeError, match="a setting is a number, a text, true, false or None"):
            recipe.settings_for("digits", {"epochs": value})  # type: ignore[dict-item]


def test_unknown_recipe_proposes_the_nearest() -> None:
    """A misspelt name is answered with the right one."""
    with pytest.raises(RecipeError, match=r"'ten-ordres'; did you mean 'ten-orders'"):
        recipes.find("ten-ordres")


def test_unknown_setting_is_refused(tiny: str) -> None:
    """A setting the recipe does not have is an error that lists those it has."""
    with pytest.raises(RecipeError, match="no setting 'padding'; it takes batch_size, epochs"):
        recipes.find(tiny).settings_for("digits", {"padding": "same"})


def test_settings_of_the_data_set_and_the_caller_win(tiny: str) -> None:
    """What is given wins over the data set's own, and that over the recipe's."""
    recipe = dataclasses.replace(
        recipes.find(tiny), by_data={"digits": {"epochs": 7, "batch_size": 8}}
    )
    assert recipe.settings_for("digits", {"epochs": 3}) == {
        "epochs": 3,
        "batch_size": 8,
        "learning_rate": 1e-3,
        "limit_train": None,
    }
    assert recipe.settings_for("mnist")["epochs"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseline": "none"}, "baseline none is no variant"),
        ({"variants": ("plain", "plain")}, "listed twice"),
        ({"settings": {"epochs": 1}}, "lack batch_size"),
        ({"published": {"elsewhere": 0.1}}, "published elsewhere"),
    ],
)
def test_contradictions_are_refused(tiny: str, change: dict[str, object], message: str) -> None:
    """A recipe whose fields contradict each other cannot be made."""
    with pytest.raises(RecipeError, match=message):
        dataclasses.replace(recipes.find(tiny), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "does not define RECIPE"),
        ("RECIPE = 'ten-orders'", "does not define RECIPE"),
        ("import no_such_module", "cannot be run: ModuleNotFoundError"),
        ("def (", "cannot be run: SyntaxError"),
    ],
)
def test_files_that_are_no_recipe(tmp_path: Path, text: str, message: str) -> None:
    """A Python file without a recipe is an error that names the file."""
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(RecipeError, match=f"mine.py: {message}"):
        recipes.find(str(file))
    with pytest.raises(RecipeError, match="no such recipe file"):
        recipes.find(str(tmp_path / "absent.py"))
