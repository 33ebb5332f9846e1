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
    assert TrainingSettings.of({**GOOD, "limit_test": 9}).limit_test == 9


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", -1),
        ("epochs", 1.5),
        ("epochs", True),
        ("epochs", "3"),
        ("batch_size", 0),
        ("limit_train", 0),
        ("limit_test", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", None),
        ("optimizer", "adamw"),
        ("weight_decay", -1e-4),
        ("learning_rate_drops", "0.5 1.5"),
        ("learning_rate_drops", "half"),
        ("initialisation", "xavier"),
        ("augment", 1),
        ("standardise", "yes"),
    ],
)
def test_bad_settings_are_named(name: str, value: Setting) -> None:
    """The message names the setting and its value."""
    with pytest.raises(UsageError, match=f"{name} must be .*, not {value}"):
        TrainingSettings.of({**GOOD, name: value})


def test_the_learning_rate_falls_at_the_parts_named() -> None:
    """164 epochs with drops at 81 and 122, as Kim et al. train."""
    given: dict[str, Setting] = {"learning_rate": 0.1, "learning_rate_drops": "0.4939 0.7439"}
    settings = TrainingSettings.of({**GOOD, "epochs": 164, **given})
    rates = [settings.learning_rate_at(epoch) for epoch in range(1, 165)]
    assert [rates.count(rate) for rate in dict.fromkeys(rates)] == [81, 41, 42]
    assert list(dict.fromkeys(rates)) == pytest.approx([0.1, 0.01, 0.001])
