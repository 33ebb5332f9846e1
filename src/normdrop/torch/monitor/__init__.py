"""The shift at every norm layer, watched while a model is trained."""

from normdrop.torch.monitor._monitor import ScalarWriter as ScalarWriter
from normdrop.torch.monitor._monitor import ShiftMonitor as ShiftMonitor
