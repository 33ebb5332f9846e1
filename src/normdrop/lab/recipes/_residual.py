"""What recipes on residual networks share: a network small enough for minutes, and the source's."""

from collections.abc import Mapping
from typing import Any

from normdrop.lab.metric import TEST_ERROR
from normdrop.lab.recipe import Network, Published, Recipe, Settings, Shape
from normdrop.lab.recipes._settings import LONG_TRAINING, SHORT_TRAINING

SMALL: Settings = {
    **SHORT_TRAINING,
    "augment": False,
    "scale": "small",
    "block": "basic",
    "style": "pre",
    "blocks": 1,
    "paper_blocks": 8,
}
"""Settings for digits; `blocks` of a stage, in the source's networks `paper_blocks`."""

PAPER: Settings = {**LONG_TRAINING, "scale": "paper"}
"""Settings of Kim et al. (2023) in their place."""

_INSIDE = (8, 16, 32)


def residual_recipe(**own: Any) -> Recipe:  # noqa: ANN401 - what `Recipe` takes
    """A recipe on residual networks: on digits or as published, by error, unless it says else."""
    usual = {"data": "digits", "paper": PAPER, "paper_data": "cifar-10", "dimensions": 3}
    return Recipe(**{**usual, "endpoint": TEST_ERROR, **own})


def errors(accuracies: Mapping[str, float]) -> Published:
    """Published test errors in % from accuracies in % by variant."""
    return {TEST_ERROR.name: {name: round(100 - value, 2) for name, value in accuracies.items()}}


def three_stage_network(
    shape: Shape,
    classes: int,
    settings: Settings,
    **given: Any,  # noqa: ANN401 - what `residual_network` takes
) -> Network:
    """A residual network of three stages, for digits or as in the papers on CIFAR-10.

    Of the settings `scale`, `block`, `style`, `blocks` and `paper_blocks` are read. What else is
    `given` is what `normdrop.lab.networks.residual_network` takes.
    """
    from normdrop.lab.networks import pre_resnet, residual_network

    bottleneck = settings["block"] == "bottleneck"
    given = {"style": settings["style"], **given}
    if settings["scale"] == "paper":
        blocks = int(settings["paper_blocks"] or 0)
        return pre_resnet(shape, classes, blocks=blocks, bottleneck=bottleneck, **given)
    return residual_network(
        shape,
        classes,
        stem=_INSIDE[0],
        widths=tuple(2 * width for width in _INSIDE) if bottleneck else _INSIDE,
        inside=_INSIDE if bottleneck else None,
        blocks=int(settings["blocks"] or 0),
        **given,
    )
