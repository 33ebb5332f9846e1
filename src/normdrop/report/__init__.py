"""Whole documents: HTML pages, and findings for other programs.

The pages bring the statistics of a comparison with them, or a model's story, so they are imported
when they are first used; findings need none of that.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from normdrop.report._diagnosis import diagnosis_html as diagnosis_html
    from normdrop.report._diagnosis import write_diagnosis as write_diagnosis
    from normdrop.report._experiments import experiment_pages as experiment_pages
    from normdrop.report._page import to_html as to_html
    from normdrop.report._page import write_html as write_html

_HOME = {
    "diagnosis_html": "normdrop.report._diagnosis",
    "experiment_pages": "normdrop.report._experiments",
    "to_html": "normdrop.report._page",
    "write_diagnosis": "normdrop.report._diagnosis",
    "write_html": "normdrop.report._page",
}

__all__ = ["diagnosis_html", "experiment_pages", "to_html", "write_diagnosis", "write_html"]


def __getattr__(name: str) -> object:
    """Import the pages the first time one is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'normdrop.report' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
