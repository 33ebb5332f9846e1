"""What the recipes on Li et al. (2019) share: networks, places of noise, and training.

Their places in every residual branch: (a) directly before its last batch norm, (b) before its last
convolution.
"""

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from normdrop.lab.recipe import Panel
from normdrop.lab.recipes._settings import LONG_TRAINING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from normdrop.lab.recipe import Shape
    from normdrop.lab.trial import Setting

Place: TypeAlias = Literal["a", "b"]

SOURCE = "Li, Chen, Hu and Yang, CVPR 2019, arXiv 1801.05134"

SMALL: "Mapping[str, Setting]" = {
    "size": "small",
    "epochs": 6,
    "batch_size": 64,
    "learning_rate": 0.1,
    "optimizer": "sgd",
    "weight_decay": 1e-4,
    "learning_rate_drops": "0.5 0.75",
    "initialisation": "he",
    "augment": False,
}
"""The paper's training, with fewer epochs and without augmentation: digits bear no mirror."""

PAPER: "Mapping[str, Setting]" = {**LONG_TRAINING, "size": "paper"}
"""What its full setting changes of that."""

NOTE = (
    "The small setting trains networks of 10 or 11 layers on 8×8 digits for 6 epochs; the "
    "published ones are far deeper and see other data. Compare directions, not errors."
)

WIDTHS = (
    "A width of 1 stands for 16, 32 and 64 channels in the three stages of the paper's WRN-28, and "
    "for 4, 8 and 16 in the small network."
)

PLACES = (
    "(a) is directly before the last batch norm of every branch, (b) directly before its last "
    "convolution."
)

_NARROW = 4
"""Channels of a small WRN's first stage, in units of its width."""
_POSITIONS: dict[str, dict[Place, str]] = {
    "PreResNet": {"a": "P4", "b": "P6"},
    "WRN": {"a": "P4", "b": "P6"},
    "DenseNet": {"a": "P4", "b": "P5"},  # before the ReLU, with which dropout commutes
}


def panels(
    variants: "Sequence[str]",
    published: "Mapping[str, Sequence[float]]",
    metric: str = "test_error",
) -> dict[str, Panel]:
    """A panel for each kind of network, with the figures of the variants, in their order."""
    return {
        kind: Panel(
            settings={"network": kind},
            published={metric: dict(zip(variants, values, strict=True))},
        )
        for kind, values in published.items()
    }


def network(
    shape: "Shape",
    classes: int,
    settings: "Mapping[str, Setting]",
    *,
    place: Place = "a",
    noise: "float | nn.Module" = 0.0,
    head: dict[str, Any] | None = None,
) -> "nn.Module":
    """A network of the paper, or a small one of its kind.

    Args:
        shape: The input's (channels, height, width).
        classes: The number of outputs.
        settings: `network` is `"PreResNet"`, of bottlenecks, `"WRN"` or `"DenseNet"`, `size` is
            `"small"` or `"paper"`, and `width`, if set, that of a WRN.
        place: Where in every branch the noise goes.
        noise: A rate of dropout, or a layer that is copied; 0 for none.
        head: What else `normdrop.torch.Head` takes.

    Raises:
        RecipeError: If there is no such network or size.
    """
    from normdrop.lab import networks

    kind, size, width = (settings.get(name) for name in ("network", "size", "width"))
    given: dict[str, Any] = {"dropout": noise, "head": head}
    if kind in _POSITIONS:
        given["position"] = _POSITIONS[str(kind)][place]
    match kind, size:
        case "PreResNet", "small":
            return networks.residual_network(
                shape,
                classes,
                stem=8,
                widths=(32, 64, 128),
                inside=(8, 16, 32),
                blocks=1,
                **given,
            )
        case "PreResNet", "paper":
            return networks.pre_resnet(shape, classes, blocks=18, bottleneck=True, **given)
        case "WRN", "small":
            widths = tuple(_NARROW * int(width or 3) * 2**stage for stage in range(3))
            return networks.residual_network(
                shape, classes, stem=16, widths=widths, blocks=1, **given
            )
        case "WRN", "paper":
            return networks.wide_resnet(shape, classes, depth=28, factor=int(width or 10), **given)
        case "DenseNet", "small":
            return networks.dense_network(shape, classes, depth=10, growth=12, **given)
        case "DenseNet", "paper":
            return networks.dense_network(shape, classes, depth=100, growth=12, **given)
    from normdrop.errors import RecipeError

    raise RecipeError(
        f"no network {kind!r} of size {size!r}: there are {', '.join(_POSITIONS)}, small and paper"
    )
