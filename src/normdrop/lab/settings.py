"""The settings every trial has, checked before anything is trained."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from normdrop.errors import UsageError
from normdrop.lab.trial import Setting


@dataclass(frozen=True)
class TrainingSettings:
    """How to train, whatever the network.

    Raises:
        UsageError: When a setting is missing or out of its range.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    limit_train: int | None

    @classmethod
    def of(cls, settings: Mapping[str, Setting]) -> "TrainingSettings":
        """Read them from a trial's settings.

        >>> TrainingSettings.of({"epochs": 0, "batch_size": 128, "learning_rate": 0.001})
        Traceback (most recent call last):
        ...
        normdrop.errors.UsageError: epochs must be a whole number of at least 1, not 0
        """
        limit = settings.get("limit_train")
        return cls(
            epochs=_count(settings, "epochs", least=1),
            # batch norm in train mode has no variance to divide by in a batch of one
            batch_size=_count(settings, "batch_size", least=2),
            learning_rate=_rate(settings.get("learning_rate")),
            limit_train=None if limit is None else _count(settings, "limit_train", least=2),
        )


def _count(settings: Mapping[str, Setting], name: str, *, least: int) -> int:
    value = settings.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{name} must be a whole number of at least {least}, not {value}")
    return value


def _rate(value: Setting) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        raise UsageError(f"learning_rate must be a positive number, not {value}")
    return float(value)
