"""Settings that several recipes have, and settings of a recipe's own, read as what they are."""

from normdrop.errors import UsageError
from normdrop.lab.recipe import Settings

LONG_TRAINING: Settings = {
    "epochs": 164,
    "batch_size": 128,
    "learning_rate": 0.1,
    "optimizer": "sgd",
    "weight_decay": 1e-4,
    "learning_rate_drops": "0.4939 0.7439",  # after 81 and 122 epochs
    "augment": True,
}
"""The training of the CIFAR literature, as Kim et al. (2023) give it."""

SHORT_TRAINING: Settings = {
    "epochs": 4,
    "batch_size": 32,
    "learning_rate": 0.1,
    "learning_rate_drops": "0.5 0.75",
    "optimizer": "sgd",
    "weight_decay": 1e-4,
    "initialisation": "he",
}
"""The same on digits, in seconds."""


def number(settings: Settings, name: str) -> float:
    """A setting that is a number.

    Raises:
        UsageError: When it is none.
    """
    value = settings[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{name} must be a number, not {value}")
    return float(value)


def word(settings: Settings, name: str) -> str:
    """A setting that is a text.

    Raises:
        UsageError: When it is none.
    """
    value = settings[name]
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a text, not {value}")
    return value


def widths(settings: Settings, name: str = "widths") -> tuple[int, ...]:
    """A setting that lists the channels of each layer.

    Raises:
        UsageError: When it is no list of positive whole numbers.

    >>> widths({"widths": "16 32 64"})
    (16, 32, 64)
    """
    parts = str(settings[name]).split()
    if not parts or not all(part.isdecimal() and int(part) for part in parts):
        raise UsageError(
            f"{name} must list the channels of each layer, such as '16 32', not {settings[name]}"
        )
    return tuple(int(part) for part in parts)
