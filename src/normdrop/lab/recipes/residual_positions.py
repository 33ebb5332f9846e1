"""Where dropout goes in a residual block: none and the positions P0 to P7 of Kim et al. (2023)."""

from normdrop.lab.measures import SHIFT, mean_shift
from normdrop.lab.metric import GAP, TEST_LOSS
from normdrop.lab.recipe import Network, Panel, Settings, Shape
from normdrop.lab.recipes._residual import SMALL, errors, residual_recipe, three_stage_network

_POSITIONS = ("none", "P0", "P1", "P2", "P3", "P4", "P5", "P6", "P7")
# Test accuracies in % on CIFAR-10, means of 3 runs, by position.
_PRE_50_ACCURACIES = (93.66, 84.25, 92.92, 93.19, 93.58, 93.22, 93.83, 93.68, 93.78)
_PRE_110_ACCURACIES = (94.03, 70.94, 93.55, 93.69, 93.81, 93.89, 94.44, 94.22, 94.27)
_PRE_50 = dict(zip(_POSITIONS, _PRE_50_ACCURACIES, strict=True))
_PRE_110 = dict(zip(_POSITIONS, _PRE_110_ACCURACIES, strict=True))
_POST_50 = {"none": 93.27, "P7": 93.46}
_POST_110 = {"none": 93.71, "P7": 93.95}


def _network(variant: str, shape: Shape, classes: int, settings: Settings) -> Network:
    if variant == "none":
        return three_stage_network(shape, classes, settings)
    return three_stage_network(shape, classes, settings, dropout=settings["rate"], position=variant)


RECIPE = residual_recipe(
    name="residual-positions",
    version=2,
    title="Positions of dropout in residual blocks",
    question="Where in a residual block does dropout go, if anywhere?",
    source="Kim et al., How to Use Dropout Correctly on Residual Networks, UAI 2023",
    variants=_POSITIONS,
    baseline="none",
    seeds=9,
    settings={**SMALL, "rate": 0.2},
    network=_network,
    measure=mean_shift,
    metrics=(TEST_LOSS, SHIFT, GAP),
    panels={
        "pre-activation": Panel(published=errors(_PRE_50)),
        "pre-activation-deeper": Panel(
            settings={"blocks": 2, "paper_blocks": 18}, published=errors(_PRE_110)
        ),
        "pre-activation-bottleneck": Panel(
            settings={"block": "bottleneck", "paper_blocks": 18},
            variants=("none", "P0", "P1", "P3", "P4", "P6", "P7"),
        ),
        "post-activation": Panel(
            settings={"style": "post"},
            variants=("none", "P0", "P1", "P3", "P4", "P7"),
            published=errors(_POST_50),
        ),
        "post-activation-deeper": Panel(
            settings={"style": "post", "blocks": 2, "paper_blocks": 18},
            variants=tuple(_POST_110),
            published=errors(_POST_110),
        ),
    },
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
