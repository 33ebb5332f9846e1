"""A comparison as one HTML file that opens without a network."""

import os
from pathlib import Path

from normdrop.errors import NormdropError
from normdrop.files import write_atomically
from normdrop.lab.comparison import Comparison
from normdrop.report._sections import provenance, trials


def write_html(comparison: Comparison, path: str | os.PathLike[str]) -> Path:
    """Write a comparison's report: one file, no request to anywhere, light and dark.

    Args:
        comparison: What to report.
        path: Where the file is to be; missing folders are made.

    Returns:
        The file's path, links resolved.

    Raises:
        NormdropError: If the file cannot be written (the old one is kept), or if jinja2 or plotly
            is not installed.
    """
    return write_atomically(path, to_html(comparison))


def to_html(comparison: Comparison) -> str:
    """The report's text. Every word of a recipe, a trial or a message in it is escaped.

    Raises:
        NormdropError: If jinja2 or plotly is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup

        from normdrop.report._plots import figures, plotly_source
    except ImportError as error:
        raise NormdropError("a report needs jinja2 and plotly: install normdrop[report]") from error
    environment = Environment(
        loader=PackageLoader("normdrop.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    ranking = comparison.table(full=True)
    return environment.get_template("comparison.html").render(
        description=comparison.description,
        title=ranking.title,
        notes=ranking.notes,
        # The tables and figures escape their own text.
        ranking=Markup(ranking.without_notes().to_html()),  # noqa: S704 - escaped by Table
        trials=Markup(trials(comparison).to_html()),  # noqa: S704 - escaped by Table
        provenance=[Markup(table.to_html()) for table in provenance(comparison)],  # noqa: S704 - escaped by Table
        unfinished=[o for o in comparison.outcomes if o.status != "finished"],
        figures=figures(comparison),
        plotly=plotly_source(),
    )
