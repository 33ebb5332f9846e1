"""The shift on real data, what causes it, and what it costs."""

from normdrop.keras.measure._measure import measure as measure
