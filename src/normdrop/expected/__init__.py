"""From what two modes show at norm layers to an expected shift; knows no framework."""

from normdrop.expected._moments import Moments as Moments

__all__ = ["Moments"]
