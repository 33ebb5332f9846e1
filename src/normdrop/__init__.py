"""Batch normalization and dropout, working together.

The public names stand in `__init__.pyi`. They are imported when they are first used:
`import normdrop` imports neither torch nor keras.
"""

from normdrop.values.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__)
