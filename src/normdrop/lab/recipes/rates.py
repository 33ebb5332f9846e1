"""Error and shift against the dropout rate, directly before batch norm and before a weight."""

from typing import TYPE_CHECKING

from normdrop.lab.measures import SHIFT, mean_shift
from normdrop.lab.metric import GAP, TEST_ERROR
from normdrop.lab.recipe import Recipe, Shape
from normdrop.lab.recipes import _disharmony as li

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from normdrop.lab.trial import Setting

_ERRORS = {
    "none": 5.02,
    "a 0.1": 5.16,
    "a 0.3": 5.87,
    "a 0.5": 8.43,
    "a 0.7": 14.51,
    "b 0.1": 5.06,
    "b 0.3": 5.29,
    "b 0.5": 5.86,
    "b 0.7": 7.23,
}
_SHIFTS = {"a 0.1": 1.04, "a 0.3": 1.16, "a 0.5": 1.40}


def _network(
    variant: str, shape: Shape, classes: int, settings: "Mapping[str, Setting]"
) -> "nn.Module":
    letter, _, rate = variant.partition(" ")
    return li.network(
        shape,
        classes,
        settings,
        place="b" if letter == "b" else "a",
        noise=float(rate or 0.0),
    )


RECIPE = Recipe(
    name="rates",
    version=1,
    title="Dropout by rate and place",
    question="How do test error and variance shift grow with the dropout rate, in both places?",
    source=li.SOURCE,
    variants=tuple(_ERRORS),
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
    published={"test_error": _ERRORS, "shift": _SHIFTS},
    published_label="CIFAR-10, PreResNet-110, mean of 5 runs, read off figures; none from a table",
    notes=(
        li.PLACES,
        "Published shifts of (b) at rate 0.5 lie between 1.02 and 1.06 for all four networks.",
        li.NOTE,
    ),
)
