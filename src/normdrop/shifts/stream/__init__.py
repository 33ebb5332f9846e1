"""One pass over batches: what is read, what is kept of it, and what it comes to."""

from normdrop.shifts.stream._batches import Arguments as Arguments
from normdrop.shifts.stream._batches import Batch as Batch
from normdrop.shifts.stream._batches import Batches as Batches
from normdrop.shifts.stream._batches import Progress as Progress
from normdrop.shifts.stream._batches import inputs_by_name as inputs_by_name
from normdrop.shifts.stream._batches import size_of as size_of
from normdrop.shifts.stream._batches import too_many as too_many
from normdrop.shifts.stream._four_modes import FourModes as FourModes
from normdrop.shifts.stream._four_modes import Mode as Mode
from normdrop.shifts.stream._layer import extent as extent
from normdrop.shifts.stream._layer import layer_shift as layer_shift
from normdrop.shifts.stream._layer import population as population
from normdrop.shifts.stream._log import ShiftLog as ShiftLog
from normdrop.shifts.stream._log import WatchedTraining as WatchedTraining
from normdrop.shifts.stream._log import affordable as affordable
from normdrop.shifts.stream._log import scalars as scalars
from normdrop.shifts.stream._metric import MetricMean as MetricMean
from normdrop.shifts.stream._metric import metric_name as metric_name
from normdrop.shifts.stream._statistics import Array as Array
from normdrop.shifts.stream._statistics import NormMode as NormMode
from normdrop.shifts.stream._statistics import Pass as Pass
from normdrop.shifts.stream._statistics import Record as Record
from normdrop.shifts.stream._statistics import Seen as Seen
from normdrop.shifts.stream._statistics import Stored as Stored
from normdrop.shifts.stream._statistics import Tally as Tally
from normdrop.shifts.stream._statistics import merged as merged
