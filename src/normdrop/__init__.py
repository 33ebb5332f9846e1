"""Batch normalization and dropout, working together.

The names below are imported when they are first used: `import normdrop` imports neither torch nor
keras.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from normdrop.errors import NormdropError as NormdropError
    from normdrop.lab.data import Dataset as Dataset
    from normdrop.lab.experiment import compare as compare
    from normdrop.lab.recipe import Recipe as Recipe
    from normdrop.mending.diagnosis import Diagnosis as Diagnosis
    from normdrop.mending.repairs import Change as Change
    from normdrop.mending.repairs import Fix as Fix
    from normdrop.shifts.report import LayerShift as LayerShift
    from normdrop.shifts.report import ModeTable as ModeTable
    from normdrop.shifts.report import Recalibration as Recalibration
    from normdrop.shifts.report import ShiftHistory as ShiftHistory
    from normdrop.shifts.report import ShiftReport as ShiftReport
    from normdrop.values.example import Input as Input
    from normdrop.values.findings import Finding as Finding
    from normdrop.values.findings import Findings as Findings
    from normdrop.values.order import Order as Order
    from normdrop.verbs import assert_clean as assert_clean
    from normdrop.verbs import check as check
    from normdrop.verbs import doctor as doctor
    from normdrop.verbs import fix as fix
    from normdrop.verbs import measure as measure
    from normdrop.verbs import modes as modes
    from normdrop.verbs import predict as predict
    from normdrop.verbs import recalibrate as recalibrate
    from normdrop.verbs import recalibrated as recalibrated

_HOME = {
    "Change": "normdrop.mending.repairs",
    "Dataset": "normdrop.lab.data",
    "Diagnosis": "normdrop.mending.diagnosis",
    "Finding": "normdrop.values.findings",
    "Findings": "normdrop.values.findings",
    "Fix": "normdrop.mending.repairs",
    "Input": "normdrop.values.example",
    "LayerShift": "normdrop.shifts.report",
    "ModeTable": "normdrop.shifts.report",
    "NormdropError": "normdrop.errors",
    "Order": "normdrop.values.order",
    "Recalibration": "normdrop.shifts.report",
    "Recipe": "normdrop.lab.recipe",
    "ShiftHistory": "normdrop.shifts.report",
    "ShiftReport": "normdrop.shifts.report",
    "assert_clean": "normdrop.verbs",
    "check": "normdrop.verbs",
    "compare": "normdrop.lab.experiment",
    "doctor": "normdrop.verbs",
    "fix": "normdrop.verbs",
    "measure": "normdrop.verbs",
    "modes": "normdrop.verbs",
    "predict": "normdrop.verbs",
    "recalibrate": "normdrop.verbs",
    "recalibrated": "normdrop.verbs",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for."""
    if name not in _HOME:
        message = f"module 'normdrop' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, imported or not."""
    return sorted({*globals(), *_HOME})
