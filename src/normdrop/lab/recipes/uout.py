"""Uniform dropout (Uout) of growing half-width, before the last weight of every branch."""

from normdrop.lab.contrast import Contrast
from normdrop.lab.measures import SHIFT
from normdrop.lab.recipe import Network, Settings, Shape
from normdrop.lab.recipes import _disharmony as li

_VARIANTS = ("none", "0.1", "0.2", "0.3", "0.5")
_ERRORS = {
    "PreResNet": (5.02, 5.02, 4.85, 4.98, 4.97),
    "ResNeXt": (3.77, 3.84, 3.83, 3.75, 3.79),
    "WRN": (3.97, 3.96, 3.80, 3.90, 3.84),
    "DenseNet": (4.72, 4.70, 4.64, 4.68, 4.61),
}


def _network(variant: str, shape: Shape, classes: int, settings: Settings) -> Network:
    from normdrop.torch import UniformDropout

    return li.paper_network(
        shape,
        classes,
        settings,
        place="b",
        noise=0.0 if variant == "none" else UniformDropout(float(variant)),
    )


RECIPE = li.recipe(
    name="uout",
    title="Uniform dropout (Uout) by half-width β",
    question="Does uniform noise of half-width β lower the test error without a variance shift?",
    variants=_VARIANTS,
    baseline="none",
    seeds=8,  # the fewest for 4 comparisons with the baseline at 5 % under Holm
    settings={**li.SMALL, "network": "PreResNet"},
    panels=li.panels(_VARIANTS, _ERRORS),
    network=_network,
    published_label="CIFAR-10, mean of 5 runs",
    contrasts=(
        Contrast(
            what="test error, uniform noise of half-width 0.1 less none, mean of four networks",
            higher="uniform noise of half-width 0.1 raises the error",
            lower="uniform noise of half-width 0.1 lowers the error",
            weights={"0.1": 1, "none": -1},
        ),
        Contrast(
            what="test error, uniform noise of half-width 0.5 less none, mean of four networks",
            higher="uniform noise of half-width 0.5 raises the error",
            lower="uniform noise of half-width 0.5 lowers the error",
            weights={"0.5": 1, "none": -1},
        ),
        Contrast(
            what="mean shift, uniform noise of half-width 0.5 less none",
            higher="uniform noise of half-width 0.5 shifts the variance",
            lower="uniform noise of half-width 0.5 lowers the shift",
            weights={"0.5": 1, "none": -1},
            metric=SHIFT,
            margin=0.05,
            none="uniform noise of half-width 0.5 leaves no variance shift to speak of",
        ),
    ),
    notes=(f"The noise stands in place (b). {li.PLACES}", li.NOTE),
)
