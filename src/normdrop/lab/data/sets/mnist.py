"""MNIST: handwritten digits."""

from collections.abc import Mapping

from normdrop.lab.data._dataset import Split
from normdrop.lab.data._files import Part
from normdrop.lab.data._idx import images_and_labels
from normdrop.lab.data._source import DataSource, Download

_PARTS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
_SHA256 = (
    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
)
_BYTES = (9912422, 28881, 1648877, 4542)


def _assemble(parts: Mapping[str, Part]) -> tuple[Split, Split]:
    train_images, train_labels, test_images, test_labels = (parts[name] for name in _PARTS)
    return (
        images_and_labels(train_images, train_labels, (28, 28), 10),
        images_and_labels(test_images, test_labels, (28, 28), 10),
    )


source = DataSource(
    name="mnist",
    title="MNIST",
    task="classification",
    classes=10,
    shape=(1, 28, 28),
    sizes=(60000, 10000),
    citation=(
        "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, "
        "Proceedings of the IEEE, 1998"
    ),
    assemble=_assemble,
    parts=_PARTS,
    downloads=tuple(
        Download(f"{part}.gz", sha256, size, tuple(f"{base}{part}.gz" for base in _MIRRORS))
        for part, sha256, size in zip(_PARTS, _SHA256, _BYTES, strict=True)
    ),
)
