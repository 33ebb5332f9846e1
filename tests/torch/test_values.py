"""Models on `meta` are refused in words by every verb."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

import normdrop
from normdrop.errors import UsageError

_SHAPE = (3, 8, 8)
_BATCHES = [torch.zeros(4, *_SHAPE)]
_VERBS: dict[str, Callable[[nn.Module], object]] = {
    "check": lambda model: normdrop.check(model, _SHAPE),
    "predict": lambda model: normdrop.predict(model, _SHAPE),
    "moments": lambda model: normdrop.predict(model, _SHAPE, "moments"),
    "measure": lambda model: normdrop.measure(model, _BATCHES),
    "recalibrate": lambda model: normdrop.recalibrate(model, _BATCHES),
    "fix": lambda model: normdrop.fix(model, _SHAPE),
    "doctor": lambda model: normdrop.doctor(model, _BATCHES),
}


@pytest.mark.parametrize("verb", _VERBS)
def test_a_model_without_values_is_refused_by_name(verb: str) -> None:
    """The same model is taken once it has values."""
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5), nn.BatchNorm2d(4))
    with pytest.raises(UsageError, match=r"0\.weight is on the meta device"):
        _VERBS[verb](model)
    _VERBS[verb](nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5), nn.BatchNorm2d(4)))
