"""What recipes on residual networks share: a network small enough for minutes, and the source's."""

from typing import TYPE_CHECKING, Any

from normdrop.lab.recipe import Shape
from normdrop.lab.recipes._settings import LONG_TRAINING, SHORT_TRAINING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from normdrop.lab.trial import Setting

SMALL: "Mapping[str, Setting]" = {
    **SHORT_TRAINING,
    "augment": False,
    "scale": "small",
    "block": "basic",
    "style": "pre",
    "blocks": 1,
    "paper_blocks": 8,
}
"""Settings for digits; `blocks` of a stage, in the source's networks `paper_blocks`."""

PAPER: "Mapping[str, Setting]" = {**LONG_TRAINING, "scale": "paper"}
"""Settings of Kim et al. (2023) in their place."""

_INSIDE = (8, 16, 32)


def three_stage_network(
    shape: Shape,
    classes: int,
    settings: "Mapping[str, Setting]",
    **given: Any,  # noqa: ANN401 - what `residual_network` takes
) -> "nn.Module":
    """A residual network of three stages, for digits or as in the papers on CIFAR-10.

    Args:
        shape: The input's (channels, height, width).
        classes: The number of outputs.
        settings: Of which `scale`, `block`, `style`, `blocks` and `paper_blocks` are read.
        **given: What else `normdrop.lab.networks.residual_network` takes.
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
