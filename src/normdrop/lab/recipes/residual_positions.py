"""Where dropout goes in a residual block: none and the positions P0 to P7 of Kim et al. (2023)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from normdrop.lab.measures import SHIFT, mean_shift
from normdrop.lab.metric import GAP, TEST_ERROR, TEST_LOSS
from normdrop.lab.recipe import Panel, Published, Recipe, Shape
from normdrop.lab.recipes._residual import PAPER, SMALL, three_stage_network

if TYPE_CHECKING:
    from torch import nn

    from normdrop.lab.trial import Setting

# Test accuracies in % on CIFAR-10, means of 3 runs, by position.
_PRE_50 = {
    "none": 93.66,
    "P0": 84.25,
    "P1": 92.92,
    "P2": 93.19,
    "P3": 93.58,
    "P4": 93.22,
    "P5": 93.83,
    "P6": 93.68,
    "P7": 93.78,
}
_PRE_110 = {
    "none": 94.03,
    "P0": 70.94,
    "P1": 93.55,
    "P2": 93.69,
    "P3": 93.81,
    "P4": 93.89,
    "P5": 94.44,
    "P6": 94.22,
    "P7": 94.27,
}
_POST_50 = {"none": 93.27, "P7": 93.46}
_POST_110 = {"none": 93.71, "P7": 93.95}


def _errors(accuracies: Mapping[str, float]) -> Published:
    return {TEST_ERROR.name: {name: round(100 - value, 2) for name, value in accuracies.items()}}


def _network(
    variant: str, shape: Shape, classes: int, settings: "Mapping[str, Setting]"
) -> "nn.Module":
    if variant == "none":
        return three_stage_network(shape, classes, settings)
    return three_stage_network(shape, classes, settings, dropout=settings["rate"], position=variant)


RECIPE = Recipe(
    name="residual-positions",
    version=2,
    title="Positions of dropout in residual blocks",
    question="Where in a residual block does dropout go, if anywhere?",
    source="Kim et al., How to Use Dropout Correctly on Residual Networks, UAI 2023",
    variants=tuple(_PRE_50),
    baseline="none",
    data="digits",
    seeds=9,
    settings={**SMALL, "rate": 0.2},
    network=_network,
    measure=mean_shift,
    dimensions=3,
    endpoint=TEST_ERROR,
    metrics=(TEST_LOSS, SHIFT, GAP),
    panels={
        "pre-activation": Panel(published=_errors(_PRE_50)),
        "pre-activation-deeper": Panel(
            settings={"blocks": 2, "paper_blocks": 18}, published=_errors(_PRE_110)
        ),
        "pre-activation-bottleneck": Panel(
            settings={"block": "bottleneck", "paper_blocks": 18},
            variants=("none", "P0", "P1", "P3", "P4", "P6", "P7"),
        ),
        "post-activation": Panel(
            settings={"style": "post"},
            variants=("none", "P0", "P1", "P3", "P4", "P7"),
            published=_errors(_POST_50),
        ),
        "post-activation-deeper": Panel(
            settings={"style": "post", "blocks": 2, "paper_blocks": 18},
            variants=tuple(_POST_110),
            published=_errors(_POST_110),
        ),
    },
    paper=PAPER,
    paper_data="cifar-10",
    published_label="CIFAR-10, 164 epochs, mean of 3 runs; 110 layers if deeper, else 50",
    published_noise=0.39,  # by which its figures of P2 and P3 differ, which are one operation
    notes=(
        (
            "ReLU and dropout commute: P2 and P3 are one operation, and so are P5 and P6. With "
            "equal seeds they give equal numbers here; their published figures differ by chance "
            "alone, and so show how large chance differences are there. Where only P3 or P6 is "
            "listed it stands for both. In post-activation blocks P5 is P7, and there is no P6."
        ),
        (
            "The small setting trains residual networks of 8 layers (14 if deeper, 11 of "
            "bottlenecks) on 8×8 digits for 4 epochs, at the source's dropout rate, 0.2. The "
            "bottlenecks of --paper have 164 layers and no published figures."
        ),
    ),
)
