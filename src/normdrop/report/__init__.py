"""Whole documents: HTML pages, and findings for other programs.

The pages bring the statistics of a comparison with them, so they are imported when they are first
used; findings need none of that.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from normdrop.report._page import to_html as to_html
    from normdrop.report._page import write_html as write_html

__all__ = ["to_html", "write_html"]


def __getattr__(name: str) -> object:
    """Import the pages the first time one is asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'normdrop.report' has no attribute {name!r}")
    return getattr(importlib.import_module("normdrop.report._page"), name)
