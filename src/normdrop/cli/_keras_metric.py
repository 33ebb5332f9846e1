"""The named metrics of the command line for the outputs of a Keras model, on any backend.

Models of Keras mostly end in a softmax, so that outputs may be probabilities or logits.
"""

from typing import Any

import numpy as np


def accuracy(outputs: Any, targets: Any) -> float:  # noqa: ANN401 - tensors of any backend
    """The part of the rows whose largest output is the target's; one column is of two classes."""
    found, wanted = _array(outputs), _labels(targets)
    if found.shape[-1] == 1:
        threshold = 0.5 if _are_probabilities(found) else 0.0
        chosen = (found[:, 0] > threshold).astype(int)
    else:
        chosen = found.argmax(-1)
    return float((chosen == wanted).mean())


def loss(outputs: Any, targets: Any) -> float:  # noqa: ANN401 - same
    """Cross-entropy per row, in nats."""
    found, wanted = _array(outputs), _labels(targets)
    if _are_probabilities(found):
        logs = np.log(np.clip(found, 1e-7, 1.0))  # the clip that Keras' own loss has
    else:
        shifted = found - found.max(-1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return float(-np.take_along_axis(logs, wanted[:, None], -1).mean())


def mse(outputs: Any, targets: Any) -> float:  # noqa: ANN401 - same
    """Mean squared error; outputs of one column count as numbers."""
    wanted = _array(targets)
    return float(np.square(_array(outputs).reshape(wanted.shape) - wanted).mean())


def _array(tensor: Any) -> np.ndarray:  # noqa: ANN401 - same
    from keras import ops

    return np.asarray(ops.convert_to_numpy(tensor), dtype=np.float64)


def _labels(targets: Any) -> np.ndarray:  # noqa: ANN401 - same
    """Numbers of classes, also from one-hot rows and from a column."""
    wanted = _array(targets)
    one_hot = wanted.ndim > 1 and wanted.shape[-1] > 1
    return wanted.argmax(-1) if one_hot else wanted.reshape(-1).astype(int)


def _are_probabilities(outputs: np.ndarray) -> bool:
    """Whether outputs are those of a softmax, or of a sigmoid where there is one."""
    within = bool((outputs >= 0).all() and (outputs <= 1).all())
    return within and (outputs.shape[-1] == 1 or bool(np.allclose(outputs.sum(-1), 1, atol=1e-3)))
