"""Batches run through a Keras model: what is read and what is seen at the norm layers."""

from normdrop.keras.stream._batches import Reader as Reader
from normdrop.keras.stream._batches import as_batches as as_batches
from normdrop.keras.stream._batches import reading as reading
from normdrop.keras.stream._run import NormRecord as NormRecord
from normdrop.keras.stream._run import WatchedRun as WatchedRun
