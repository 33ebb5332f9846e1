"""A recipe for tests: an experiment of two panels that draws its own inputs and trains nothing."""

from collections.abc import Mapping

import torch

from normdrop.lab.context import TrialContext
from normdrop.lab.metric import Metric
from normdrop.lab.recipe import Panel, Recipe

SPREAD = Metric("spread", "spread")


def _experiment(context: TrialContext) -> Mapping[str, float]:
    draws = torch.randn(1000, generator=torch.Generator().manual_seed(context.seed))
    factor = {"narrow": 1.0, "wide": 2.0}[context.variant] * float(context.settings["scale"] or 0.0)
    return {"spread": factor * draws.std().item(), "kept": torch.rand(()).item()}


RECIPE = Recipe(
    name="panelled",
    version=1,
    title="Panelled",
    question="Are panels compared each by itself?",
    source="the tests",
    variants=("narrow", "wide"),
    baseline="narrow",
    data=None,
    seeds=6,
    settings={"scale": 1.0},
    experiment=_experiment,
    endpoint=SPREAD,
    metrics=(Metric("kept", "kept"),),
    panels={
        "small": Panel(published={"spread": {"wide": 2.0}}),
        "large": Panel(settings={"scale": 10.0}),
        "reversed": Panel(settings={"scale": -1.0}, baseline="wide"),
    },
    paper={"scale": 100.0},
    published_label="by definition",
)
