"""One dropout after all batch norms, directly before the last linear layer."""

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
    "PreResNet": (5.02, 4.96, 5.01, 4.94, 5.03),
    "ResNeXt": (3.77, 3.89, 3.69, 3.78, 3.78),
    "WRN": (3.97, 3.90, 4.00, 3.93, 3.84),
    "DenseNet": (4.72, 4.67, 4.73, 4.75, 4.87),
}


def _network(
    variant: str, shape: Shape, classes: int, settings: "Mapping[str, Setting]"
) -> "nn.Module":
    rate = 0.0 if variant == "none" else float(variant)
    return li.paper_network(
        shape,
        classes,
        settings,
        head={"dropout": rate, "position": "after-pool"},
    )


RECIPE = Recipe(
    name="last-layer",
    version=2,
    title="One dropout before the last linear layer",
    question="Does one dropout after all batch norms lower the test error?",
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
    notes=(
        "The source says “before softmax”: here that is before the last linear layer.",
        "No norm follows the dropout, so its noise shifts no statistics within a forward pass.",
        li.NOTE,
    ),
)
