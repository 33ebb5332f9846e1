"""How far norm layers' inputs move between train and eval mode: one layer, and a whole model."""

from normdrop.shifts.report._cost import Cost as Cost
from normdrop.shifts.report._cost import cost_of as cost_of
from normdrop.shifts.report._history import ShiftHistory as ShiftHistory
from normdrop.shifts.report._recalibration import Recalibration as Recalibration
from normdrop.shifts.report._report import LayerShift as LayerShift
from normdrop.shifts.report._report import Method as Method
from normdrop.shifts.report._report import ModeTable as ModeTable
from normdrop.shifts.report._report import ShiftReport as ShiftReport
from normdrop.shifts.report._report import StateName as StateName
from normdrop.shifts.report._report import StatisticsState as StatisticsState
from normdrop.values.severity import Severity as Severity
from normdrop.values.severity import severity as severity
