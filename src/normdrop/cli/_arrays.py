"""Data that a user has as arrays: a `.npz` file, a folder of images, or a pair `(X, y)`."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from normdrop.errors import UsageError

Split = Literal["train", "test"]
_INPUTS = ("x", "inputs", "images", "data", "features")
_TARGETS = ("y", "targets", "labels", "target", "label")
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_SEED = 0
IMAGE = 4
"""Axes of a batch of images."""
NAMED_SCALES: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar-10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "mnist": ((0.1307,), (0.3081,)),
    "half": ((0.5,), (0.5,)),
}
"""Means and deviations, channel by channel, that published weights were trained with."""


@dataclass(frozen=True)
class Rows:
    """Examples by number, and their targets where there are any.

    Attributes:
        name: What to call them.
        count: How many.
        inputs: Gives the inputs of some rows, images with channels first, as float32 where they
            were bytes.
        targets: One for each row, or None.
    """

    name: str
    count: int
    inputs: Callable[[Sequence[int]], NDArray[Any]]
    targets: NDArray[Any] | None


def is_pair(made: object) -> bool:
    """Whether an object is `(X, y)`: two arrays with one row for each example."""
    if not isinstance(made, tuple) or len(made) != 2:  # noqa: PLR2004 - inputs and targets
        return False
    shapes = [getattr(each, "shape", None) for each in made]
    return all(shapes) and shapes[0][0] == shapes[1][0] > 1  # type: ignore[index] # none is None here


def from_pair(name: str, made: tuple[Any, Any]) -> Rows:
    """`(X, y)` as rows."""
    return _in_memory(name, *(np.asarray(each) for each in made))


def from_npz(path: Path, split: Split) -> Rows:
    """The arrays of a `.npz` file.

    Inputs are the array called `x`, `inputs`, `images`, `data` or `features`, targets the one
    called `y`, `targets` or `labels`, each also with `_train` or `_test` behind it.

    Raises:
        UsageError: It cannot be read, or holds no such array.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as arrays ({error})") from error
    inputs = _named(arrays, _INPUTS, split)
    if inputs is None:
        raise UsageError(
            f"{path} has the arrays {', '.join(arrays) or 'none'}: call the inputs x and the "
            "targets y, or x_train, y_train, x_test and y_test"
        )
    return _in_memory(str(path), inputs, _named(arrays, _TARGETS, split))


def _named(
    arrays: Mapping[str, NDArray[Any]], words: Sequence[str], split: Split
) -> NDArray[Any] | None:
    """The array that has one of some names, in capitals or not."""
    lower = {name.lower(): array for name, array in arrays.items()}
    names = [f"{word}{tail}" for tail in (f"_{split}", "") for word in words]
    return next((lower[name] for name in names if name in lower), None)


def _in_memory(name: str, inputs: NDArray[Any], targets: NDArray[Any] | None = None) -> Rows:
    if targets is not None and len(targets) != len(inputs):
        raise UsageError(f"{name} has {len(inputs)} inputs and {len(targets)} targets")
    return Rows(name, len(inputs), lambda rows: _scaled(inputs[list(rows)]), targets)


def _scaled(values: NDArray[Any]) -> NDArray[Any]:
    """Bytes as float32 in [0, 1], other numbers as they are but in single precision."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) / np.float32(255)
    return values.astype(np.float32) if values.dtype == np.float64 else values


def from_folder(path: Path, split: Split) -> Rows:
    """A folder of images, one folder a class, as `torchvision.datasets.ImageFolder` reads it.

    Where there are folders `train` and `test` (or `val`), the one of the split is read.

    Raises:
        UsageError: There are no images, or they differ in size; or pillow is not installed.
    """
    places = ("train",) if split == "train" else ("test", "val")
    root = next((path / each for each in places if (path / each).is_dir()), path)
    classes = sorted(each.name for each in root.iterdir() if each.is_dir())
    files = [
        (file, number)
        for number, name in enumerate(classes)
        for file in sorted((root / name).rglob("*"))
        if file.suffix.lower() in _PICTURES
    ]
    if not files:
        raise UsageError(f"{root} has no images in folders, one for each class")
    targets = np.array([number for _, number in files])
    return Rows(
        str(path), len(files), lambda rows: _pictures([files[row][0] for row in rows]), targets
    )


def _pictures(files: Sequence[Path]) -> NDArray[Any]:
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError("a folder of images needs pillow: pip install pillow") from error
    pixels = []
    for file in files:
        with Image.open(file) as picture:
            pixels.append(np.asarray(picture.convert("RGB")).transpose(2, 0, 1))
    sizes = {each.shape for each in pixels}
    if len(sizes) > 1:
        height, width = min(sizes)[1:]
        raise UsageError(
            f"{files[0].parent.parent} has images of several sizes: resize them, say to "
            f"{height}×{width}, or pass a callable that yields batches"
        )
    return _scaled(np.stack(pixels))


def scale(text: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """`--normalize` as means and deviations.

    Args:
        text: A name of `NAMED_SCALES`, or `MEAN,.../DEVIATION,...`.

    Raises:
        UsageError: It is neither.

    >>> scale("0.5/0.25")
    ((0.5,), (0.25,))
    """
    if text in NAMED_SCALES:
        return NAMED_SCALES[text]
    parts = text.split("/")
    try:
        mean, deviation = (tuple(float(each) for each in part.split(",")) for part in parts)
    except ValueError:
        mean, deviation = (), ()
    numbers = (*mean, *deviation)
    if len(mean) != len(deviation) or not numbers or not all(map(math.isfinite, numbers)):
        raise UsageError(
            f"--normalize {text}: one of {', '.join(NAMED_SCALES)}, or MEAN/DEVIATION with one "
            "number or one for each channel, such as 0.49,0.48,0.45/0.25,0.24,0.26"
        )
    if min(deviation) <= 0:
        raise UsageError(f"--normalize {text}: a deviation is positive")
    return mean, deviation


def batches(rows: Rows, batch_size: int) -> Iterator[tuple[NDArray[Any], NDArray[Any] | None]]:
    """Inputs and targets, in a shuffled order that is the same in every pass and every run."""
    order = np.random.default_rng(_SEED).permutation(rows.count)
    for start in range(0, rows.count, batch_size):
        chosen = [int(row) for row in order[start : start + batch_size]]
        targets = None if rows.targets is None else rows.targets[chosen]
        yield rows.inputs(chosen), targets
