"""Experiments with paired seeds: recipe, trials, store, statistics.

The names stand in `__init__.pyi` and are imported when they are first used.
"""

from normdrop.values.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__)
