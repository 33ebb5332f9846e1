"""One trial of a recipe, run here and now."""

from collections.abc import Mapping
from types import MappingProxyType

from normdrop.lab.data import load
from normdrop.lab.plan import plan
from normdrop.lab.recipe_names import find
from normdrop.lab.train import train
from normdrop.lab.trial import Outcome, Setting

SHORTEST: Mapping[str, Setting] = {"epochs": 1, "limit_train": 96}
"""Settings with which a network is trained in a moment, and learns next to nothing."""


def finished(
    name: str,
    variant: str,
    given: Mapping[str, Setting] = MappingProxyType({}),
    *,
    panel: str | None = None,
    seed: int = 0,
) -> Outcome:
    """The outcome of a variant's trial, which must have finished."""
    recipe = find(name)
    data = recipe.panel(panel).data or recipe.data
    dataset = None if data is None else load(data)
    *_, trial = plan(
        recipe,
        dataset,
        name=name,
        variants=[variant],
        seeds=seed + 1,
        given=given,
        device="cpu",
        precision="fp32",
        panel=panel,
    )
    outcome = train(trial, dataset)
    assert outcome.status == "finished", outcome.message
    return outcome
