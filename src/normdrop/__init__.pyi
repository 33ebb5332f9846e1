# The one list of public names: type checkers read it here, and `__init__.py` imports what is used.
# The verbs come first, then what they take and give, then the rooms.
from normdrop.lab.experiment import compare as compare
from normdrop.verbs import assert_clean as assert_clean
from normdrop.verbs import check as check
from normdrop.verbs import doctor as doctor
from normdrop.verbs import fix as fix
from normdrop.verbs import measure as measure
from normdrop.verbs import modes as modes
from normdrop.verbs import predict as predict
from normdrop.verbs import recalibrate as recalibrate
from normdrop.verbs import recalibrated as recalibrated
from normdrop.verbs import view as view

# isort: split
from normdrop.errors import NormdropError as NormdropError
from normdrop.lab.data import Dataset as Dataset
from normdrop.lab.recipe import Recipe as Recipe
from normdrop.mending.diagnosis import Diagnosis as Diagnosis
from normdrop.mending.repairs import Change as Change
from normdrop.mending.repairs import Fix as Fix
from normdrop.shifts.map import ModelMap as ModelMap
from normdrop.shifts.report import LayerShift as LayerShift
from normdrop.shifts.report import ModeTable as ModeTable
from normdrop.shifts.report import Recalibration as Recalibration
from normdrop.shifts.report import ShiftHistory as ShiftHistory
from normdrop.shifts.report import ShiftReport as ShiftReport
from normdrop.values.example import Input as Input
from normdrop.values.findings import Finding as Finding
from normdrop.values.findings import Findings as Findings
from normdrop.values.order import Order as Order

# isort: split
from . import keras as keras
from . import lab as lab
from . import report as report
from . import theory as theory
from . import torch as torch

__all__: list[str]  # noqa: PYI035 - made of this stub, so that no name stands twice
__version__: str
