"""Optical recognition of handwritten digits, as scikit-learn bundles it."""

from collections.abc import Mapping

import numpy as np

from normdrop.lab.data._dataset import Split
from normdrop.lab.data._files import Part
from normdrop.lab.data._source import DataSource

_CLASSES = 10
_TEST_EVERY = 5  # scikit-learn bundles them without a split


def _assemble(parts: Mapping[str, Part]) -> tuple[Split, Split]:  # noqa: ARG001 - embedded: no files
    """Every fifth digit of each class to test on; counts of 0 to 16 become pixels of 0 to 255."""
    from sklearn.datasets import load_digits

    counts, labels = load_digits(return_X_y=True)
    inputs = np.rint(counts.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    targets = labels.astype(np.int64)
    test = np.zeros(len(targets), dtype=bool)
    for number in range(_CLASSES):
        rows = np.flatnonzero(targets == number)
        test[rows[_TEST_EVERY - 1 :: _TEST_EVERY]] = True
    return Split(inputs[~test], targets[~test]), Split(inputs[test], targets[test])


source = DataSource(
    name="digits",
    title="Digits (8 × 8)",
    task="classification",
    classes=_CLASSES,
    shape=(1, 8, 8),
    sizes=(1442, 355),
    citation="Alpaydin, Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998",
    assemble=_assemble,
)
