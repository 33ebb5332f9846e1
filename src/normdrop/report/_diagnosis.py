"""A diagnosis as one HTML file that opens without a network, and needs no script."""

import os
from pathlib import Path
from typing import Any

from normdrop.errors import NormdropError
from normdrop.mending.diagnosis import Diagnosis, story
from normdrop.report._shift_figure import shift_figure
from normdrop.values.display import MARKS
from normdrop.values.files import write_atomically


def write_diagnosis(diagnosis: Diagnosis[Any], path: str | os.PathLike[str]) -> Path:
    """Write a diagnosis as a page: one file, no request to anywhere, light and dark.

    Args:
        diagnosis: What to report.
        path: Where the file is to be; missing folders are made.

    Returns:
        The file's path, links resolved.

    Raises:
        NormdropError: If the file cannot be written (the old one is kept), or if jinja2 is not
            installed.
    """
    return write_atomically(path, diagnosis_html(diagnosis))


def diagnosis_html(diagnosis: Diagnosis[Any]) -> str:
    """The page's text. Every name and message in it is escaped.

    Raises:
        NormdropError: If jinja2 is not installed.
    """
    try:
        from markupsafe import Markup

        from normdrop.report._templates import rendered
    except ImportError as error:
        raise NormdropError("a report needs jinja2: install normdrop[report]") from error
    figure = shift_figure(diagnosis.before or diagnosis.predicted, diagnosis.after)
    return rendered(
        "diagnosis.html",
        name=diagnosis.name,
        verdict=diagnosis.verdict,
        level="ok" if diagnosis.is_clean else "warning",
        mark=MARKS["ok" if diagnosis.is_clean else "warning"],
        treatment=diagnosis.treatment,
        chapters=[
            (
                chapter.title,
                chapter.sentences,
                [Markup(table.to_html()) for table in chapter.tables],  # noqa: S704 - escaped by Table
            )
            for chapter in story(diagnosis)
        ],
        figure=Markup(figure),  # noqa: S704 - escaped by shift_figure
    )
