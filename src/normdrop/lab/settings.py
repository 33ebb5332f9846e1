"""The settings every training has, checked before anything is trained."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, get_args

from normdrop.errors import UsageError
from normdrop.lab.trial import Setting

Optimizer: TypeAlias = Literal["adam", "sgd"]
Initialisation: TypeAlias = Literal["glorot", "he"]
_Word = TypeVar("_Word", bound=str)


@dataclass(frozen=True)
class TrainingSettings:
    """How to train, whatever the network. What a recipe does not set has its default here.

    Attributes:
        epochs: Passes over the training examples.
        batch_size: Examples per step.
        learning_rate: At the start.
        limit_train: Train on the first so many examples; all if `None`.
        limit_test: Test on the first so many examples; all if `None`.
        optimizer: `"adam"`, or `"sgd"` with momentum 0.9.
        weight_decay: L2 penalty of the optimizer.
        learning_rate_drops: Parts of the training after which the learning rate falls to a tenth.
            As a setting they are one text: "0.5 0.75".
        initialisation: `"glorot"` (uniform) or `"he"` (normal).
        augment: Whether images are padded, cropped and mirrored at random.
        standardise: Whether the features of a table are brought to mean 0 and deviation 1 over the
            training examples.

    Raises:
        UsageError: When a setting is missing or out of its range.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    limit_train: int | None = None
    limit_test: int | None = None
    optimizer: Optimizer = "adam"
    weight_decay: float = 0.0
    learning_rate_drops: tuple[float, ...] = ()
    initialisation: Initialisation = "glorot"
    augment: bool = False
    standardise: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Setting]) -> "TrainingSettings":
        """Read them from a trial's settings.

        >>> TrainingSettings.of({"epochs": 0, "batch_size": 128, "learning_rate": 0.001})
        Traceback (most recent call last):
        ...
        normdrop.errors.UsageError: epochs must be a whole number of at least 1, not 0
        """
        return cls(
            epochs=_count(settings, "epochs", least=1),
            batch_size=_count(settings, "batch_size", least=1),
            learning_rate=_number(settings, "learning_rate", positive=True),
            limit_train=_limit(settings, "limit_train", least=2),
            limit_test=_limit(settings, "limit_test", least=1),
            optimizer=_word(settings, "optimizer", get_args(Optimizer)),
            weight_decay=_number({"weight_decay": 0.0, **settings}, "weight_decay"),
            learning_rate_drops=_drops(settings.get("learning_rate_drops", "")),
            initialisation=_word(settings, "initialisation", get_args(Initialisation)),
            augment=_flag(settings, "augment"),
            standardise=_flag(settings, "standardise"),
        )

    def learning_rate_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 1.

        >>> settings = TrainingSettings(10, 32, 0.1, learning_rate_drops=(0.5,))
        >>> settings.learning_rate_at(5), round(settings.learning_rate_at(6), 3)
        (0.1, 0.01)
        """
        passed = sum(epoch - 1 >= drop * self.epochs for drop in self.learning_rate_drops)
        return self.learning_rate * float(0.1**passed)


def _count(settings: Mapping[str, Setting], name: str, *, least: int) -> int:
    value = settings.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{name} must be a whole number of at least {least}, not {value}")
    return value


def _limit(settings: Mapping[str, Setting], name: str, *, least: int) -> int | None:
    return None if settings.get(name) is None else _count(settings, name, least=least)


def _number(settings: Mapping[str, Setting], name: str, *, positive: bool = False) -> float:
    value = settings.get(name)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value < 0
        or (positive and value == 0)
    ):
        least = "a positive number" if positive else "a number of at least 0"
        raise UsageError(f"{name} must be {least}, not {value}")
    return float(value)


def _word(settings: Mapping[str, Setting], name: str, known: tuple[_Word, ...]) -> _Word:
    value = settings.get(name, known[0])
    for word in known:
        if word == value:
            return word
    raise UsageError(f"{name} must be one of {', '.join(known)}, not {value}")


def _flag(settings: Mapping[str, Setting], name: str) -> bool:
    value = settings.get(name, False)
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be true or false, not {value}")
    return value


def _drops(value: Setting) -> tuple[float, ...]:
    try:
        drops = tuple(float(part) for part in str(value).split())
    except ValueError:
        drops = (math.nan,)
    if not all(0 < drop < 1 for drop in drops):
        raise UsageError(
            "learning_rate_drops must be parts of the training between 0 and 1, such as "
            f"'0.5 0.75', not {value}"
        )
    return drops
