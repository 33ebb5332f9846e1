"""From what two modes show at norm layers to an expected shift; knows no framework."""

from normdrop.expected._fit import INITIAL_ABOVE as INITIAL_ABOVE
from normdrop.expected._fit import MISMATCH_ABOVE as MISMATCH_ABOVE
from normdrop.expected._fit import Fit as Fit
from normdrop.expected._fit import divergences as divergences
from normdrop.expected._fit import initial_share as initial_share
from normdrop.expected._fit import mismatch as mismatch
from normdrop.expected._fit import untrusted as untrusted
from normdrop.expected._moments import Moments as Moments
from normdrop.expected._moments import average as average
from normdrop.expected._moments import is_initial as is_initial
from normdrop.expected._pink import radial_frequencies as radial_frequencies
from normdrop.expected._shifts import Both as Both
from normdrop.expected._shifts import Shifts as Shifts
from normdrop.expected._shifts import causes as causes
from normdrop.expected._shifts import report as report
from normdrop.expected._shifts import shifts as shifts
