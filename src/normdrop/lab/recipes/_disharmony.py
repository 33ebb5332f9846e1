"""What the recipes on Li et al. (2019) share: networks, places of noise, and training.

Their places in every residual branch: (a) directly before its last batch norm, (b) before its last
convolution.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from normdrop.lab.measures import SHIFT, mean_shift
from normdrop.lab.metric import GAP, TEST_ERROR
from normdrop.lab.recipe import Network, Panel, Recipe, Settings, Shape
from normdrop.lab.recipes._settings import LONG_TRAINING

if TYPE_CHECKING:
    from torch import nn

NoisePlace: TypeAlias = Literal["a", "b"]

SOURCE = "Li, Chen, Hu and Yang, CVPR 2019, arXiv 1801.05134"

SMALL: Settings = {
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
"""Kim et al.'s training, with fewer epochs and without augmentation: digits bear no mirror."""

PAPER: Settings = {**LONG_TRAINING, "size": "paper"}
"""What its full setting changes of that."""

NOTE = (
    "The small setting trains networks of 8 to 11 layers on 8×8 digits for 6 epochs; the "
    "published ones are far deeper and see other data. Compare directions, not errors. --paper "
    "trains the source's networks on CIFAR-10 for the 164 epochs of Kim et al. (2023)."
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
_POSITIONS: "dict[str, dict[NoisePlace, str | None]]" = {
    "PreResNet": {"a": "P4", "b": "P6"},
    "ResNeXt": {"a": "P4", "b": None},  # a place that no position of Kim et al. names
    "WRN": {"a": "P4", "b": "P6"},
    "DenseNet": {"a": "P4", "b": "P5"},  # before the ReLU, with which dropout commutes
}


def recipe(**own: Any) -> Recipe:  # noqa: ANN401 - what `Recipe` takes
    """A recipe on the paper: on digits or as published, by error and shift, unless it says else."""
    usual = {
        "version": 2,
        "source": SOURCE,
        "data": "digits",
        "paper": PAPER,
        "paper_data": "cifar-10",
        "dimensions": 3,
        "measure": mean_shift,
        "endpoint": TEST_ERROR,
        "metrics": (SHIFT, GAP),
    }
    return Recipe(**{**usual, **own})


def panels(
    variants: Sequence[str],
    published: Mapping[str, Sequence[float]],
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


def paper_network(
    shape: Shape,
    classes: int,
    settings: Settings,
    *,
    place: NoisePlace = "a",
    noise: "float | Network" = 0.0,
    head: dict[str, Any] | None = None,
) -> Network:
    """A network of the paper, or a small one of its kind.

    Args:
        shape: The input's (channels, height, width).
        classes: The number of outputs.
        settings: `network` is `"PreResNet"`, of bottlenecks, `"ResNeXt"`, `"WRN"` or `"DenseNet"`,
            `size` is `"small"` or `"paper"`, and `width`, if set, that of a WRN.
        place: Where in every branch the noise goes.
        noise: A rate of dropout, or a layer that is copied; 0 for none.
        head: What else `normdrop.torch.Head` takes.

    Raises:
        RecipeError: If there is no such network or size.
    """
    from normdrop.errors import RecipeError
    from normdrop.lab.networks import with_noise_before_last_weights

    kind, size = settings["network"], settings["size"]
    if kind not in _POSITIONS or size not in {"small", "paper"}:
        raise RecipeError(
            f"no network {kind!r} of size {size!r}: there are {', '.join(_POSITIONS)}, small and "
            "paper"
        )
    build = _small if size == "small" else _paper
    width = int(settings.get("width") or 0)
    position = _POSITIONS[str(kind)][place]
    if position is not None:
        return build(kind, width, shape, classes, dropout=noise, position=position, head=head)
    return with_noise_before_last_weights(build(kind, width, shape, classes, head=head), noise)


def network_by_place(variant: str, shape: Shape, classes: int, settings: Settings) -> Network:
    """A network of the paper with noise of `rate` in the place that its variant begins with."""
    place = variant.partition(" ")[0]
    return paper_network(
        shape,
        classes,
        settings,
        place="b" if place == "b" else "a",
        noise=0.0 if place == "none" else float(settings["rate"] or 0.0),
    )


def _small(
    kind: object,
    width: int,
    shape: Shape,
    classes: int,
    **given: Any,  # noqa: ANN401 - what the network takes
) -> "nn.Sequential":
    from normdrop.lab.networks import dense_network, residual_network

    if kind == "DenseNet":
        return dense_network(shape, classes, depth=10, growth=12, **given)
    if kind == "WRN":
        first = _NARROW * (width or 3)
        widths = (first, 2 * first, 4 * first)
        return residual_network(shape, classes, stem=16, widths=widths, blocks=1, **given)
    inside = (8, 16, 32)
    if kind == "ResNeXt":
        inside = (16, 32, 64)
        given |= {"groups": 4, "style": "post"}
    return residual_network(
        shape, classes, stem=8, widths=(32, 64, 128), inside=inside, blocks=1, **given
    )


def _paper(
    kind: object,
    width: int,
    shape: Shape,
    classes: int,
    **given: Any,  # noqa: ANN401 - what the network takes
) -> "nn.Sequential":
    from normdrop.lab import networks

    if kind == "DenseNet":
        return networks.dense_network(shape, classes, depth=100, growth=12, **given)
    if kind == "WRN":
        return networks.wide_resnet(shape, classes, depth=28, factor=width or 10, **given)
    if kind == "ResNeXt":
        return networks.resnext(shape, classes, depth=29, groups=8, width=64, **given)
    return networks.pre_resnet(shape, classes, blocks=18, bottleneck=True, **given)
