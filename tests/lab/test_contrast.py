"""What a recipe asks is balanced, names what there is, and has seeds enough to be answered."""

from dataclasses import replace

import pytest

from normdrop.errors import RecipeError
from normdrop.lab.contrast import Contrast
from normdrop.lab.metric import Metric
from normdrop.lab.recipe_names import find, recipe_names
from normdrop.lab.statistics import seeds_needed


def _contrast(**own: object) -> Contrast:
    usual: dict[str, object] = {
        "what": "a less b",
        "higher": "a is higher",
        "lower": "a is lower",
        "weights": {"a": 1.0, "b": -1.0},
    }
    return Contrast(**{**usual, **own})  # type: ignore[arg-type]  # fields of several types


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_asks_what_its_seeds_can_answer(name: str) -> None:
    """Contrasts there are, and the smallest p-value that the seeds give is small enough."""
    recipe = find(name)
    assert recipe.contrasts
    assert recipe.seeds >= seeds_needed(len(recipe.contrasts))
    words = [text for c in recipe.contrasts for text in (c.what, c.higher, c.lower)]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    "weights", [{}, {"a": 0.0}, {"a": 1.0}, {"a": 1.0, "b": -0.5}, {"a": 1, "b": -0.5, "c": -0.5}]
)
def test_unbalanced_sums_are_refused(weights: dict[str, float]) -> None:
    """One against two is skewed where the seeds are; signs alone bear it."""
    with pytest.raises(RecipeError, match="every weight needs its opposite"):
        _contrast(weights=weights)
    if any(weights.values()):
        _contrast(weights=weights, alike=False)


@pytest.mark.parametrize("weights", [{"a": -2, "b": -1, "c": 0, "d": 1, "e": 2}, {"a": 1, "b": -1}])
def test_balanced_sums_are_taken(weights: dict[str, float]) -> None:
    """Pairs and trends have to each weight its opposite."""
    assert _contrast(weights=weights).weights == weights


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan")])
def test_a_margin_is_above_zero(margin: float) -> None:
    """What does not matter is a range about zero."""
    with pytest.raises(RecipeError, match="margin"):
        _contrast(margin=margin)


@pytest.mark.parametrize(
    ("recipe", "own", "words"),
    [
        ("ten-orders", {"weights": {"a": 1, "b": -1}}, "which is no variant"),
        ("rates", {"weights": {"a 0.1": 1, "b 0.1": -1}, "panels": {"VGG": 1}}, "is no panel"),
        (
            "ten-orders",
            {
                "weights": {"conv-drop-bn-act-pool": 1, "conv-bn-act-pool-drop": -1},
                "metric": Metric("speed", "speed"),
            },
            "speed: no metric",
        ),
    ],
)
def test_a_recipe_asks_of_what_it_has(recipe: str, own: dict[str, object], words: str) -> None:
    """A misspelt variant, panel or metric is said when the recipe is made."""
    with pytest.raises(RecipeError, match=words):
        replace(find(recipe), contrasts=(_contrast(**own),))
