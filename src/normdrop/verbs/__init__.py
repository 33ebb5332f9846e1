"""The verbs: each picks the twin that knows the model's framework."""

from normdrop.verbs._check import assert_clean, check, check_with
from normdrop.verbs._fix import fix
from normdrop.verbs._predict import predict
from normdrop.verbs._weights import load_weights

__all__ = ["assert_clean", "check", "check_with", "fix", "load_weights", "predict"]
