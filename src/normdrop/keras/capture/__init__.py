"""A Keras model as a graph of the calls it makes, and its layers by their paths."""

from normdrop.keras.capture._capture import capture as capture
from normdrop.keras.capture._example import leaves_of as leaves_of
from normdrop.keras.capture._layers import check_built as check_built
from normdrop.keras.capture._layers import children as children
from normdrop.keras.capture._layers import ends as ends
from normdrop.keras.capture._layers import is_open as is_open
from normdrop.keras.capture._layers import overruled as overruled
from normdrop.keras.capture._layers import paths_of as paths_of
