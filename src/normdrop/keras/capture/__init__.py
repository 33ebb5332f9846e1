"""A Keras model as a graph of the calls it makes."""

from normdrop.keras.capture._capture import capture as capture
