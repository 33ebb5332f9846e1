"""Error and shift against the dropout rate, directly before batch norm and before a weight."""

from typing import TYPE_CHECKING

from normdrop.lab.measures import SHIFT, mean_shift
from normdrop.lab.metric import GAP, TEST_ERROR
from normdrop.lab.recipe import Panel, Recipe, Shape
from normdrop.lab.recipes import _disharmony as li

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from normdrop.lab.trial import Setting

_VARIANTS = ("none", *(f"{place} {rate}" for place in "ab" for rate in (0.1, 0.3, 0.5, 0.7)))
_ERRORS = {
    "PreResNet": {
        "none": 5.02,
        "a 0.1": 5.16,
        "a 0.3": 5.87,
        "a 0.5": 8.43,
        "a 0.7": 14.51,
        "b 0.1": 5.06,
        "b 0.3": 5.29,
        "b 0.5": 5.86,
        "b 0.7": 7.23,
    },
    "WRN": {
        "none": 3.97,
        "a 0.1": 3.91,
        "a 0.3": 3.99,
        "a 0.5": 4.59,
        "a 0.7": 10.26,
        "b 0.1": 3.85,
        "b 0.3": 3.81,
        "b 0.5": 3.81,
        "b 0.7": 4.38,
    },
    "DenseNet": {
        "none": 4.72,
        "a 0.1": 4.63,
        "a 0.3": 5.55,
        "a 0.5": 8.70,
        "a 0.7": 18.10,
        "b 0.5": 5.63,
    },
}
_SHIFTS = {
    "PreResNet": {"a 0.1": 1.04, "a 0.3": 1.16, "a 0.5": 1.40},
    "DenseNet": {"a 0.1": 1.06, "a 0.3": 1.22, "a 0.5": 1.48},
}


def _panel(kind: str) -> Panel:
    shifts = {SHIFT.name: _SHIFTS[kind]} if kind in _SHIFTS else {}
    return Panel(settings={"network": kind}, published={TEST_ERROR.name: _ERRORS[kind], **shifts})


def _network(
    variant: str, shape: Shape, classes: int, settings: "Mapping[str, Setting]"
) -> "nn.Module":
    letter, _, rate = variant.partition(" ")
    return li.paper_network(
        shape,
        classes,
        settings,
        place="b" if letter == "b" else "a",
        noise=float(rate or 0.0),
    )


RECIPE = Recipe(
    name="rates",
    version=2,
    title="Dropout by rate and place",
    question="How do test error and variance shift grow with the dropout rate, in both places?",
    source=li.SOURCE,
    variants=_VARIANTS,
    baseline="none",
    data="digits",
    seeds=9,  # the fewest for 8 comparisons with the baseline at 5 % under Holm
    settings={**li.SMALL, "network": "PreResNet"},
    paper=li.PAPER,
    paper_data="cifar-10",
    network=_network,
    dimensions=3,
    measure=mean_shift,
    endpoint=TEST_ERROR,
    metrics=(SHIFT, GAP),
    panels={kind: _panel(kind) for kind in _ERRORS},
    published_label=(
        "CIFAR-10, mean of 5 runs, read off figures to ±0.02; “none”, and b 0.5 of DenseNet, are "
        "from tables"
    ),
    published_noise=0.04,  # two readings of ±0.02
    notes=(
        li.PLACES,
        "Published shifts of (b) at rate 0.5 lie between 1.02 and 1.06 for all four networks.",
        li.NOTE,
    ),
)
