"""CIFAR-10: small colour photographs of ten kinds of things.

Its binary format is records of one label byte and three planes of 32 × 32 pixels.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from normdrop.errors import DataError
from normdrop.lab.data._dataset import Split
from normdrop.lab.data._files import Part
from normdrop.lab.data._idx import class_numbers
from normdrop.lab.data._source import DataSource, Download

_CLASSES = 10
_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = "test_batch.bin"
_ARCHIVE = "cifar-10-binary.tar.gz"
_INEXACT = "94 of the 60000 images come from JPEG copies; the rest are exact"

# The uncompressed batches of the copy that holds decoded JPEG images.
_INEXACT_BATCHES = (
    "0def081c410489f98b3935c2d405fc7436d23377894a5d6a710ce1fad8082588",
    "4d0a9f6a8434c9b3b3de28d817dc3d360a3f82d86a14f3c7bf6d2d8fc64188e2",
    "1a4d0920ea06101641902b09fdac800cad7b5105963deee31ddff8e83fbabe6c",
    "20de2186179cc65bcf69a83ca83e90a40786cf2384963ee3419764ef9d41b7ff",
    "ace578a129b1d9695ee4254afb079a7573b408a36f818d5d96062484607c1619",
    "123ca0dad8f960344d9149742165d4215093c84c8c4bdc5922af93b614bdb501",
)
_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32


def _split(parts: Sequence[Part]) -> Split:
    """Colour images and class numbers, in the order of the files.

    Raises:
        DataError: A file is not a whole number of records, or a label is out of range.
    """
    records = [_records(part) for part in parts]
    labels = [
        class_numbers(record[:, 0], _CLASSES, part.where)
        for part, record in zip(parts, records, strict=True)
    ]
    inputs = np.concatenate([record[:, 1:] for record in records])
    return Split(inputs.reshape(-1, *_SHAPE), np.concatenate(labels))


def _records(part: Part) -> NDArray[np.uint8]:
    if not part.content or len(part.content) % _RECORD:
        raise DataError(
            f"{part.where}: expected records of {_RECORD} bytes, found {len(part.content)} bytes, "
            f"{len(part.content) % _RECORD} too many"
            if part.content
            else f"{part.where}: expected records of {_RECORD} bytes, found an empty file"
        )
    return np.frombuffer(part.content, dtype=np.uint8).reshape(-1, _RECORD)


def _assemble(parts: Mapping[str, Part]) -> tuple[Split, Split]:
    return _split([parts[name] for name in _TRAIN]), _split([parts[_TEST]])


source = DataSource(
    name="cifar-10",
    title="CIFAR-10",
    task="classification",
    classes=_CLASSES,
    shape=_SHAPE,
    sizes=(50000, 10000),
    citation="Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009",
    assemble=_assemble,
    parts=(*_TRAIN, _TEST),
    archive=_ARCHIVE,
    downloads=(
        Download(
            _ARCHIVE,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            170052171,
            (
                f"https://www.cs.toronto.edu/~kriz/{_ARCHIVE}",
                f"https://cave.cs.toronto.edu/kriz/{_ARCHIVE}",
                "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/" + _ARCHIVE,
            ),
        ),
    ),
    known=dict.fromkeys(_INEXACT_BATCHES, _INEXACT),
)
