"""METRIC on the command line: a name, or a callable of outputs and targets."""

from collections.abc import Callable
from typing import Any

import numpy as np

from normdrop.cli._factory import find_callable
from normdrop.errors import UsageError
from normdrop.verbs import is_keras


def metric(name: str | None, model: object) -> Callable[[Any, Any], Any] | None:
    """`accuracy`, `loss` (cross-entropy), `mse`, or `package.module:callable`; `None` stays.

    Args:
        name: One of these.
        model: The model whose outputs are judged.

    Raises:
        UsageError: It is none of these.
    """
    if name is None or ":" in name:
        return None if name is None else find_callable(name)
    if name not in _METRICS:
        raise UsageError(
            f"--metric {name}: one of {', '.join(_METRICS)}, or package.module:callable of outputs "
            "and targets"
        )
    return _KERAS[name] if is_keras(model) else _METRICS[name]


def accuracy(outputs: Any, targets: Any) -> Any:  # noqa: ANN401 - tensors; torch is not imported here
    """The part of the rows whose largest output is the target's."""
    return (outputs.argmax(1) == targets).double().mean()


def loss(outputs: Any, targets: Any) -> Any:  # noqa: ANN401 - same
    """Cross-entropy per row, in nats."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(outputs.float(), targets)


def mse(outputs: Any, targets: Any) -> Any:  # noqa: ANN401 - same
    """Mean squared error; outputs of one column count as numbers."""
    return (outputs.float().reshape(targets.shape) - targets).square().mean()


def keras_accuracy(outputs: Any, targets: Any) -> float:  # noqa: ANN401 - tensors of any backend
    """`accuracy` of a Keras model on any backend; outputs of one column are of two classes."""
    found, wanted = _array(outputs), _labels(targets)
    if found.shape[-1] == 1:
        threshold = 0.5 if _are_probabilities(found) else 0.0
        chosen = (found[:, 0] > threshold).astype(int)
    else:
        chosen = found.argmax(-1)
    return float((chosen == wanted).mean())


def keras_loss(outputs: Any, targets: Any) -> float:  # noqa: ANN401 - same
    """`loss` of a Keras model: of probabilities, as most end in a softmax, or of logits."""
    found, wanted = _array(outputs), _labels(targets)
    if _are_probabilities(found):
        logs = np.log(np.clip(found, 1e-7, 1.0))  # the clip that Keras' own loss has
    else:
        shifted = found - found.max(-1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return float(-np.take_along_axis(logs, wanted[:, None], -1).mean())


def keras_mse(outputs: Any, targets: Any) -> float:  # noqa: ANN401 - same
    """`mse` of a Keras model."""
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


_METRICS = {"accuracy": accuracy, "loss": loss, "mse": mse}
_KERAS = {"accuracy": keras_accuracy, "loss": keras_loss, "mse": keras_mse}
