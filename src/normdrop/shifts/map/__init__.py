"""The map of a model: its modules and data flow, and the noise on its way to the norms."""

from normdrop.shifts.map._map import ModelMap as ModelMap
from normdrop.shifts.map._noise import NormMark as NormMark
from normdrop.shifts.map._picture import MAP_HUES as MAP_HUES
from normdrop.shifts.map._picture import MAP_STYLE as MAP_STYLE
