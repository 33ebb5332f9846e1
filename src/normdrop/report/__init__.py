"""Whole documents: HTML pages, and findings for other programs.

The pages bring the statistics of a comparison with them, or a model's story, so they are imported
when they are first used; findings need none of that. The names stand in `__init__.pyi`.
"""

from normdrop.values.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__)
