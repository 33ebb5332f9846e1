"""Hooks by which a layer applies a dropout layer that it holds.

A convolution that gets a dropout before it holds it as its child, where `repr`, `train`, `eval` and
`to` find it, and applies it by one of these hooks. They keep no state and are found by their names,
so that a model with them can be copied, pickled and sent to other processes.
"""

from typing import Any

from torch import nn

BEFORE = "dropout_before"
AFTER = "dropout_after"
HELD = frozenset({BEFORE, AFTER})
"""Names of the children that these hooks apply."""


def apply_before(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Before a layer runs: its first input goes through the dropout it holds."""
    return (getattr(module, BEFORE)(args[0]), *args[1:])


def apply_after(module: nn.Module, _args: tuple[Any, ...], output: Any) -> Any:  # noqa: ANN401 - whatever the layer returns
    """After a layer ran: its output goes through the dropout it holds."""
    return getattr(module, AFTER)(output)
