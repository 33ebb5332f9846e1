"""Shift and error of dropout in both places against the width of a network."""

from typing import TYPE_CHECKING

from normdrop.lab.measures import SHIFT, mean_shift
from normdrop.lab.metric import GAP, TEST_ERROR
from normdrop.lab.recipe import Panel, Recipe, Shape
from normdrop.lab.recipes import _disharmony as li

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from normdrop.lab.trial import Setting

_PUBLISHED = {10: {"test_error": {"none": 3.97, "a": 4.59, "b": 3.81}}}
"""Of WRN-28-10; the source has no other width."""


def _network(
    variant: str, shape: Shape, classes: int, settings: "Mapping[str, Setting]"
) -> "nn.Module":
    return li.paper_network(
        shape,
        classes,
        settings,
        place="b" if variant == "b" else "a",
        noise=0.0 if variant == "none" else float(settings["rate"] or 0.0),
    )


RECIPE = Recipe(
    name="width",
    version=2,
    title="Dropout in both places by width",
    question="Does width change what dropout costs before a norm (a) and before a weight (b)?",
    source=li.SOURCE,
    variants=("none", "a", "b"),
    baseline="none",
    data="digits",
    seeds=7,  # the fewest for 2 comparisons with the baseline at 5 % under Holm
    settings={**li.SMALL, "network": "WRN", "width": 1, "rate": 0.5},
    panels={
        f"×{width}": Panel(settings={"width": width}, published=_PUBLISHED.get(width, {}))
        for width in (1, 3, 10)
    },
    paper=li.PAPER,
    paper_data="cifar-10",
    network=_network,
    dimensions=3,
    measure=mean_shift,
    endpoint=TEST_ERROR,
    metrics=(SHIFT, GAP),
    published_label="CIFAR-10, WRN-28-10, rate 0.5, mean of 5 runs",
    notes=(
        f"Dropout of rate 0.5. {li.PLACES}",
        li.WIDTHS,
        "The source expects wide networks to bear (b): its shift fades as width grows.",
        li.NOTE,
    ),
)
