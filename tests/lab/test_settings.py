"""Settings are refused before anything is trained."""

import math

import pytest

from normdrop.errors import UsageError
from normdrop.lab.settings import TrainingSettings
from normdrop.lab.trial import Setting

GOOD: dict[str, Setting] = {"epochs": 1, "batch_size": 2, "learning_rate": 1e-3}


def test_good_settings_are_read() -> None:
    """Settings come back typed; without a limit all examples are used."""
    assert TrainingSettings.of(GOOD) == TrainingSettings(1, 2, 1e-3, None)
    assert TrainingSettings.of({**GOOD, "limit_train": 9}).limit_train == 9


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", -1),
        ("epochs", 1.5),
        ("epochs", True),
        ("epochs", "3"),
        ("batch_size", 1),
        ("limit_train", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", None),
    ],
)
def test_bad_settings_are_named(name: str, value: Setting) -> None:
    """The message names the setting and its value."""
    with pytest.raises(UsageError, match=f"{name} must be .*, not {value}"):
        TrainingSettings.of({**GOOD, name: value})
