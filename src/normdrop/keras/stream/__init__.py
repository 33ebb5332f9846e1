"""One pass of a Keras model over batches: what is read and what is seen at the norm layers."""

from normdrop.keras.stream._answers import by_running as by_running
from normdrop.keras.stream._batches import Reader as Reader
from normdrop.keras.stream._batches import reading as reading
from normdrop.keras.stream._habits import Habits as Habits
from normdrop.keras.stream._habits import habits as habits
from normdrop.keras.stream._recorder import BatchRecorder as BatchRecorder
from normdrop.keras.stream._recorder import HabitualRecorder as HabitualRecorder
from normdrop.keras.stream._recorder import Recorder as Recorder
from normdrop.keras.watch._listener import Listener as Listener
