"""Mending Keras models: a model of the same class, layers, names and weights."""

from normdrop.keras.rewrite._copy import copied as copied
from normdrop.keras.rewrite._rewrite import Editing as Editing
from normdrop.keras.rewrite._rewrite import editing as editing
