"""How far norm layers' inputs move between train and eval mode: one layer, and a whole model."""

from normdrop.shifts.report._history import ShiftHistory as ShiftHistory
from normdrop.shifts.report._recalibration import Recalibration as Recalibration
from normdrop.shifts.report._report import LayerShift as LayerShift
from normdrop.shifts.report._report import Method as Method
from normdrop.shifts.report._report import ModeTable as ModeTable
from normdrop.shifts.report._report import ShiftReport as ShiftReport
from normdrop.values.severity import Severity as Severity
from normdrop.values.severity import severity as severity
