"""From what two modes show at norm layers to an expected shift; knows no framework."""

from normdrop.shifts.expected._fit import INITIAL_ABOVE as INITIAL_ABOVE
from normdrop.shifts.expected._fit import MISMATCH_ABOVE as MISMATCH_ABOVE
from normdrop.shifts.expected._fit import Place as Place
from normdrop.shifts.expected._fit import Response as Response
from normdrop.shifts.expected._fit import StoredFit as StoredFit
from normdrop.shifts.expected._fit import divergences as divergences
from normdrop.shifts.expected._fit import initial_share_left as initial_share_left
from normdrop.shifts.expected._fit import mismatch as mismatch
from normdrop.shifts.expected._fit import untrusted as untrusted
from normdrop.shifts.expected._shifts import Both as Both
from normdrop.shifts.expected._shifts import ForwardPasses as ForwardPasses
from normdrop.shifts.expected._shifts import Shifts as Shifts
from normdrop.shifts.expected._shifts import Statistics as Statistics
from normdrop.shifts.expected._shifts import average as average
from normdrop.shifts.expected._shifts import averages as averages
from normdrop.shifts.expected._shifts import bounded as bounded
from normdrop.shifts.expected._shifts import causes as causes
from normdrop.shifts.expected._shifts import is_initial as is_initial
from normdrop.shifts.expected._shifts import report as report
from normdrop.shifts.expected._shifts import shifts as shifts
from normdrop.shifts.expected._shifts import widened as widened
from normdrop.shifts.expected.plan import radial_frequencies as radial_frequencies
