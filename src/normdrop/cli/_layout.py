"""Rows of a data set in the shape that a model takes."""

import numpy as np

from normdrop.errors import UsageError


def laid_out(rows: np.ndarray, shape: tuple[int, ...] | None, name: str) -> np.ndarray:
    """Images (N, C, H, W) with channels last or first, without an axis for one channel, or flat.

    Args:
        rows: The inputs of a batch.
        shape: Of one input, as the model takes it; channels come last where it is not known.
        name: Of the data set, for the message.

    Raises:
        UsageError: The rows cannot be had in that shape.

    >>> laid_out(np.zeros((2, 3, 8, 6)), (8, 6, 3), "images").shape
    (2, 8, 6, 3)
    >>> laid_out(np.zeros((2, 1, 8, 8)), (64,), "images").shape
    (2, 64)
    """
    last = np.moveaxis(rows, 1, -1)
    if shape is None or last.shape[1:] == shape:
        return last
    if rows.shape[1:] == shape:
        return rows
    flat = shape == (last[0].size,)
    one_channel = last.shape[-1] == 1 and last.shape[1:-1] == shape
    if flat or one_channel:
        return last.reshape(len(rows), *shape)
    raise UsageError(f"{name} has rows of shape {last.shape[1:]}, and the model takes {shape}")
