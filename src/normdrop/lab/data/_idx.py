"""The IDX format of MNIST: a magic number, the dimensions, then the values.

A file starts with two zero bytes, the type of its values (8 is unsigned byte, the only one read
here) and the number of dimensions; each dimension follows as a big-endian 32-bit integer.
"""

import math
import struct

import numpy as np
from numpy.typing import NDArray

from normdrop.errors import DataError
from normdrop.lab.data._dataset import Split
from normdrop.lab.data._files import Part

_UNSIGNED_BYTE = 8


def array(part: Part, dimensions: int) -> NDArray[np.uint8]:
    """The values of an IDX file of unsigned bytes; the array shares the part's memory.

    Raises:
        DataError: The magic number, the number of dimensions or the length is not as expected.
    """
    magic, expected = bytes(part.content[:4]), bytes((0, 0, _UNSIGNED_BYTE, dimensions))
    if magic != expected:
        raise DataError(
            f"{part.where}: expected the IDX magic number 0x{expected.hex()}, "
            f"found {f'0x{magic.hex()}' if magic else 'an empty file'}"
        )
    start = 4 + 4 * dimensions
    if len(part.content) < start:
        raise DataError(
            f"{part.where}: expected {start} bytes of IDX header, found {len(part.content)} bytes"
        )
    shape = struct.unpack(f">{dimensions}I", part.content[4:start])
    found, wanted = len(part.content) - start, math.prod(shape)
    if found != wanted:
        raise DataError(
            f"{part.where}: expected {wanted} bytes of data for its shape {shape}, found {found}"
        )
    return np.frombuffer(part.content, dtype=np.uint8, offset=start).reshape(shape)


def images_and_labels(images: Part, labels: Part, shape: tuple[int, int], classes: int) -> Split:
    """Grey images of a given (height, width) with their class numbers.

    Raises:
        DataError: The files do not fit each other, the shape or the number of classes.
    """
    pixels, numbers = array(images, 3), array(labels, 1)
    if pixels.shape[1:] != shape:
        raise DataError(f"{images.where}: expected images of {shape}, found {pixels.shape[1:]}")
    if len(pixels) != len(numbers):
        raise DataError(
            f"{labels.where}: expected a label for each of {len(pixels)} images, "
            f"found {len(numbers)}"
        )
    return Split(pixels[:, None], class_numbers(numbers, classes, labels.where))


def class_numbers(labels: NDArray[np.uint8], classes: int, where: str) -> NDArray[np.int64]:
    """Labels as int64, once each is known to be below `classes`.

    Raises:
        DataError: There are no labels, or one is out of range.
    """
    if not len(labels):
        raise DataError(f"{where}: expected labels, found none")
    if labels.max() >= classes:
        row = int(np.argmax(labels >= classes))
        raise DataError(
            f"{where}: expected labels from 0 to {classes - 1}, found {labels[row]} in row {row}"
        )
    return labels.astype(np.int64)
