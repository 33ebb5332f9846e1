"""What Keras leaves to its backends, one file for each of them."""

from normdrop.keras._backend._backend import Backend as Backend
from normdrop.keras._backend._backend import backend as backend
