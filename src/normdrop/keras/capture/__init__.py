"""A Keras model as a graph of the calls it makes."""

from normdrop.keras.capture._capture import capture as capture
from normdrop.keras.capture._layers import check_built as check_built
