"""What stores hold stays found: keys of trials do not change when normdrop's own files move.

`stored_keys.json` holds what this package gave before its folders were moved.
"""

import hashlib
import importlib
import json
import pkgutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import normdrop
import normdrop.torch
from normdrop import theory
from normdrop.lab.fingerprint import _STORED_AS, fingerprint
from normdrop.lab.metric import Metric
from normdrop.lab.recipe import Panel, Recipe
from normdrop.lab.recipe_names import by_code, find, recipe_names
from normdrop.lab.settings import TrainingSettings
from normdrop.lab.task import REGRESSION
from normdrop.lab.trial import NO_DATA, Trial

_STORED: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("stored_keys.json").read_text()
)
_ORDER = normdrop.Order("conv-bn-act")
_MEASURE: Any = partial(normdrop.predict, example=(3, 8, 8))
_OWN = Recipe(
    "own",
    ("a", "b"),
    network=partial(normdrop.torch.Block, _ORDER),
    measure=_MEASURE,
)
_VALUES: dict[str, object] = {
    "an order": normdrop.Order("conv-bn-act-drop-pool"),
    "another order": normdrop.Order("linear-act-drop-bn"),
    "an input": normdrop.Input((3, 32, 32), "float32"),
    "a metric": Metric("own", "own", "%", "own %", decimals=2),
    "a task": REGRESSION,
    "a panel": Panel({"epochs": 3}, data="digits"),
    "training settings": TrainingSettings(3, 32, 0.1),
    "a trial": Trial("own", 1, "a", "digits", "", 0, {"epochs": 3}, "cpu", "fp32"),
    "the package": normdrop,
    "a room": theory,
    "a bound method": normdrop.Order("conv-bn").__str__,
    "a partial": partial(normdrop.torch.Block, _ORDER),
}


@pytest.mark.parametrize("path", _STORED["names"])
def test_own_code_that_names_normdrop_is_the_code_it_was(path: str) -> None:
    """Whatever it imports from the public rooms, wherever that is defined now."""
    room, _, name = path.rpartition(".")
    assert fingerprint(getattr(importlib.import_module(room), name)) == _STORED["names"][path]


@pytest.mark.parametrize("path", _STORED_AS)
def test_what_has_moved_stands_where_it_is_said_to(path: str) -> None:
    """An entry for what has moved once more would be of no use."""
    assert pkgutil.resolve_name(path)


@pytest.mark.parametrize("kind", _VALUES)
def test_values_of_normdrop_in_own_code_are_what_they_were(kind: str) -> None:
    """As are the classes that they are made of."""
    assert fingerprint(_VALUES[kind]) == _STORED["values"][kind]


def test_an_own_recipe_keeps_its_name() -> None:
    """By which its trials are stored; another order is another recipe."""
    assert by_code("own", _OWN) == _STORED["values"]["a recipe"]
    other = partial(normdrop.torch.Block, normdrop.Order("conv-act-bn"))
    assert by_code("own", Recipe("own", ("a", "b"), network=other)) != by_code("own", _OWN)


@pytest.mark.parametrize("name", recipe_names())
def test_the_trials_of_a_recipe_keep_their_keys(name: str) -> None:
    """Of every variant of every panel, in the small and in the full setting."""
    assert [_digest(name, paper=False), _digest(name, paper=True)] == _STORED["recipes"][name]


def _digest(name: str, *, paper: bool) -> str:
    """Of all the keys of a recipe's trials with seed 0."""
    recipe = find(name)
    keys = []
    for panel in recipe.panels or [None]:
        data = recipe.paper_data if paper else None
        data = data or recipe.panel(panel).data or recipe.data
        settings = recipe.settings_for(data, panel=panel, paper=paper)
        for variant in recipe.rivals(panel)[0]:
            place = (data or NO_DATA, "", 0, settings, "cpu")
            keys.append(Trial(name, recipe.version, variant, *place, "fp32").key)
    return hashlib.sha256("".join(keys).encode()).hexdigest()[:12]
