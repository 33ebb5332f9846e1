"""Uniform dropout (Uout) of growing half-width, before the last weight of every branch."""

from typing import TYPE_CHECKING

from normdrop.lab.measures import SHIFT, mean_shift
from normdrop.lab.metric import GAP, TEST_ERROR
from normdrop.lab.recipe import Recipe, Shape
from normdrop.lab.recipes import _disharmony as li

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from normdrop.lab.trial import Setting

_VARIANTS = ("none", "0.1", "0.2", "0.3", "0.5")
_ERRORS = {
    "PreResNet": (5.02, 5.02, 4.85, 4.98, 4.97),
    "ResNeXt": (3.77, 3.84, 3.83, 3.75, 3.79),
    "WRN": (3.97, 3.96, 3.80, 3.90, 3.84),
    "DenseNet": (4.72, 4.70, 4.64, 4.68, 4.61),
}


def _network(
    variant: str, shape: Shape, classes: int, settings: "Mapping[str, Setting]"
) -> "nn.Module":
    from normdrop.torch import UniformDropout

    return li.paper_network(
        shape,
        classes,
        settings,
        place="b",
        noise=0.0 if variant == "none" else UniformDropout(float(variant)),
    )


RECIPE = Recipe(
    name="uout",
    version=2,
    title="Uniform dropout (Uout) by half-width β",
    question="Does uniform noise of half-width β lower the test error without a variance shift?",
    source=li.SOURCE,
    variants=_VARIANTS,
    baseline="none",
    data="digits",
    seeds=8,  # the fewest for 4 comparisons with the baseline at 5 % under Holm
    settings={**li.SMALL, "network": "PreResNet"},
    panels=li.panels(_VARIANTS, _ERRORS),
    paper=li.PAPER,
    paper_data="cifar-10",
    network=_network,
    dimensions=3,
    measure=mean_shift,
    endpoint=TEST_ERROR,
    metrics=(SHIFT, GAP),
    published_label="CIFAR-10, mean of 5 runs",
    notes=(f"The noise stands in place (b). {li.PLACES}", li.NOTE),
)
