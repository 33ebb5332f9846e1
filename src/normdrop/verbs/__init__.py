"""The verbs: each picks the twin that knows the model's framework."""

from normdrop.verbs._check import assert_clean, check, check_with
from normdrop.verbs._doctor import doctor
from normdrop.verbs._example import declared_example
from normdrop.verbs._fix import fix, fix_with
from normdrop.verbs._framework import is_keras
from normdrop.verbs._measure import measure
from normdrop.verbs._modes import modes
from normdrop.verbs._predict import predict
from normdrop.verbs._recalibrate import recalibrate, recalibrated
from normdrop.verbs._weights import check_name, load_model, load_weights, save_weights

__all__ = [
    "assert_clean",
    "check",
    "check_name",
    "check_with",
    "declared_example",
    "doctor",
    "fix",
    "fix_with",
    "is_keras",
    "load_model",
    "load_weights",
    "measure",
    "modes",
    "predict",
    "recalibrate",
    "recalibrated",
    "save_weights",
]
