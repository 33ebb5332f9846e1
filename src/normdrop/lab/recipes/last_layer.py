"""One dropout after all batch norms, directly before the last linear layer."""

from normdrop.lab.contrast import Contrast
from normdrop.lab.recipe import Network, Settings, Shape
from normdrop.lab.recipes import _disharmony as li

_VARIANTS = ("none", "0.1", "0.2", "0.3", "0.5")
_ERRORS = {
    "PreResNet": (5.02, 4.96, 5.01, 4.94, 5.03),
    "ResNeXt": (3.77, 3.89, 3.69, 3.78, 3.78),
    "WRN": (3.97, 3.90, 4.00, 3.93, 3.84),
    "DenseNet": (4.72, 4.67, 4.73, 4.75, 4.87),
}


def _network(variant: str, shape: Shape, classes: int, settings: Settings) -> Network:
    rate = 0.0 if variant == "none" else float(variant)
    return li.paper_network(
        shape,
        classes,
        settings,
        head={"dropout": rate, "position": "after-pool"},
    )


RECIPE = li.recipe(
    name="last-layer",
    title="One dropout before the last linear layer",
    question="Does one dropout after all batch norms lower the test error?",
    variants=_VARIANTS,
    baseline="none",
    seeds=8,  # the fewest for 4 comparisons with the baseline at 5 % under Holm
    settings={**li.SMALL, "network": "PreResNet"},
    panels=li.panels(_VARIANTS, _ERRORS),
    network=_network,
    published_label="CIFAR-10, mean of 5 runs",
    contrasts=(
        Contrast(
            what="test error, dropout 0.2 before the last layer less none, mean of four networks",
            higher="one dropout of 0.2 after all norms raises the error",
            lower="one dropout of 0.2 after all norms lowers the error",
            weights={"0.2": 1, "none": -1},
        ),
        Contrast(
            what="test error, dropout 0.5 before the last layer less none, mean of four networks",
            higher="one dropout of 0.5 after all norms raises the error",
            lower="one dropout of 0.5 after all norms lowers the error",
            weights={"0.5": 1, "none": -1},
        ),
    ),
    notes=(
        "The source says “before softmax”: here that is before the last linear layer.",
        "No norm follows the dropout, so its noise shifts no statistics within a forward pass.",
        li.NOTE,
    ),
)
