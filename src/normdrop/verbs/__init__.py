"""The verbs, each told once for all frameworks, and the door that each framework opens to them."""

from normdrop.verbs._check import assert_clean, check, check_with
from normdrop.verbs._doctor import doctor
from normdrop.verbs._fix import fix, fix_with
from normdrop.verbs._framework import (
    Model,
    ModelPasses,
    declared_example,
    is_keras,
    opened,
    register,
)
from normdrop.verbs._invert import invert, stored_fit
from normdrop.verbs._measure import measure
from normdrop.verbs._modes import modes
from normdrop.verbs._predict import predict, simulate
from normdrop.verbs._recalibrate import recalibrate, recalibrated
from normdrop.verbs._types import PredictMethod, RecalibrateMethod
from normdrop.verbs._view import view
from normdrop.verbs._weights import carried_over, check_name, load_model, load_weights, save_weights

__all__ = [
    "Model",
    "ModelPasses",
    "PredictMethod",
    "RecalibrateMethod",
    "assert_clean",
    "carried_over",
    "check",
    "check_name",
    "check_with",
    "declared_example",
    "doctor",
    "fix",
    "fix_with",
    "invert",
    "is_keras",
    "load_model",
    "load_weights",
    "measure",
    "modes",
    "opened",
    "predict",
    "recalibrate",
    "recalibrated",
    "register",
    "save_weights",
    "simulate",
    "stored_fit",
    "view",
]
