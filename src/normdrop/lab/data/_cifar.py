"""The binary format of CIFAR-10: records of one label byte and three planes of 32 × 32 pixels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from normdrop.errors import DataError
from normdrop.lab.data._dataset import Split
from normdrop.lab.data._files import Part
from normdrop.lab.data._idx import class_numbers

_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32


def split(parts: Sequence[Part], classes: int) -> Split:
    """Colour images and class numbers, in the order of the files.

    Raises:
        DataError: A file is not a whole number of records, or a label is out of range.
    """
    records = [_records(part) for part in parts]
    labels = [
        class_numbers(record[:, 0], classes, part.where)
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
