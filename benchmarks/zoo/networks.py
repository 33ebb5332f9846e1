"""Popular networks of public libraries, without stored weights.

The libraries are not among this project's dependencies: `requirements.txt` beside this file pins
them, to be installed with `pip install --no-deps --target FOLDER -r requirements.txt` and found
through the path. `names.txt` lists the networks by the names their libraries give them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import nn

_IMAGE = (3, 64, 64)


def _names(library: str) -> list[str]:
    lines = Path(__file__).with_name("names.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split() for line in lines]
    return [name for listed, name in pairs if listed == library]


@dataclass(frozen=True)
class Network:
    """A network of a library.

    Attributes:
        library: Who ships it.
        name: What the library calls it.
        build: Makes it, without stored weights.
        shape: Of one input.
    """

    library: str
    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]


def torchvision() -> Iterator[Network]:
    """Classifiers of torchvision."""
    from torchvision import models

    for name in _names("torchvision"):
        options = {"init_weights": True} if name == "googlenet" else {}
        yield Network("torchvision", name, partial(models.get_model, name, **options), _IMAGE)


def timm() -> Iterator[Network]:
    """Classifiers of timm."""
    import timm as library

    for name in _names("timm"):
        yield Network("timm", name, partial(library.create_model, name), _IMAGE)


def pytorchcv() -> Iterator[Network]:
    """Classifiers of pytorchcv for images of CIFAR-10."""
    from pytorchcv.model_provider import get_model

    for name in _names("pytorchcv"):
        build = partial(get_model, name, pretrained=False)
        yield Network("pytorchcv", name, build, (3, 32, 32))


def monai() -> Iterator[Network]:
    """Networks of MONAI for two-dimensional images, whose norm is batch norm."""
    from monai.networks import nets

    two = {"spatial_dims": 2, "in_channels": 1}
    unet = {**two, "out_channels": 2, "channels": (8, 16, 32), "strides": (2, 2)}
    made: dict[str, Callable[[], nn.Module]] = {
        "UNet": lambda: nets.UNet(**unet, norm="batch", num_res_units=2),
        "AttentionUnet": lambda: nets.AttentionUnet(**unet),
        "DynUNet": lambda: nets.DynUNet(2, 1, 2, (3, 3, 3), (1, 2, 2), (2, 2), norm_name="batch"),
        "DenseNet121": lambda: nets.DenseNet121(**two, out_channels=2),
        "SEResNet50": lambda: nets.SEResNet50(spatial_dims=2, in_channels=1, num_classes=2),
        "resnet18": lambda: nets.resnet18(spatial_dims=2, n_input_channels=1, num_classes=2),
        "EfficientNetBN": lambda: nets.EfficientNetBN("efficientnet-b0", pretrained=False, **two),
        "HighResNet": lambda: nets.HighResNet(**two, out_channels=2),
    }
    for name, build in made.items():
        yield Network("monai", name, build, (1, *_IMAGE[1:]))


def segmentation_models_pytorch() -> Iterator[Network]:
    """Segmentation networks over two encoders."""
    import segmentation_models_pytorch as library

    for kind in ("Unet", "UnetPlusPlus", "FPN", "PSPNet", "DeepLabV3", "DeepLabV3Plus", "Linknet"):
        for encoder in ("resnet18", "mobilenet_v2"):
            build = partial(getattr(library, kind), encoder, encoder_weights=None)
            name = f"{kind}({encoder})"
            yield Network("segmentation_models_pytorch", name, build, _IMAGE)


LIBRARIES = {
    each.__name__: each
    for each in (torchvision, timm, pytorchcv, monai, segmentation_models_pytorch)
}
