"""METRIC on the command line: a name, or a callable of outputs and targets."""

from collections.abc import Callable
from typing import Any

from normdrop.cli import _keras_metric
from normdrop.cli._factory import find
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
        return None if name is None else find(name)
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


_METRICS = {function.__name__: function for function in (accuracy, loss, mse)}
_KERAS = {name: getattr(_keras_metric, name) for name in _METRICS}
