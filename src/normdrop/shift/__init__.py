"""How far norm layers' inputs move between train and eval mode: one layer, and a whole model."""

from normdrop.severity import Severity as Severity
from normdrop.severity import severity as severity
from normdrop.shift._history import ShiftHistory as ShiftHistory
from normdrop.shift._layer import LayerShift as LayerShift
from normdrop.shift._layer import Method as Method
from normdrop.shift._mode_table import ModeTable as ModeTable
from normdrop.shift._recalibration import Recalibration as Recalibration
from normdrop.shift._report import ShiftReport as ShiftReport
