"""A comparison as one HTML file that opens without a network."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from normdrop.errors import NormdropError
from normdrop.lab.comparison import Comparison, settings_used, versions_used
from normdrop.values.display import Column, Row, Table
from normdrop.values.files import write_atomically


def write_html(comparison: Comparison | Sequence[Comparison], path: str | os.PathLike[str]) -> Path:
    """Write a comparison's report: one file, no request to anywhere, light and dark.

    Args:
        comparison: What to report; several for the panels of one experiment.
        path: Where the file is to be; missing folders are made.

    Returns:
        The file's path, links resolved.

    Raises:
        NormdropError: If the file cannot be written (the old one is kept), or if jinja2 or plotly
            is not installed.
    """
    return write_atomically(path, to_html(comparison))


def to_html(comparison: Comparison | Sequence[Comparison]) -> str:
    """The report's text. Every word of a recipe, a trial or a message in it is escaped.

    Raises:
        NormdropError: If jinja2 or plotly is not installed.
    """
    try:
        from normdrop.report._plots import figures, plotly_source
        from normdrop.report._templates import rendered
    except ImportError as error:
        raise NormdropError("a report needs jinja2 and plotly: install normdrop[report]") from error
    comparisons = [comparison] if isinstance(comparison, Comparison) else list(comparison)
    parts = [
        {
            **_part(each),
            "figures": figures(each, prefix="" if number == 1 else f"{number}-"),
        }
        for number, each in enumerate(comparisons, start=1)
    ]
    first = comparisons[0]
    title = first.table().title if len(comparisons) == 1 else first.description.title
    return rendered(
        "comparison.html",
        description=first.description,
        title=title,
        parts=parts,
        drawn=any(part["figures"] for part in parts),
        plotly=plotly_source(),
    )


def _part(comparison: Comparison) -> dict[str, Any]:
    """What the page says of one comparison; tables escape their own text."""
    from markupsafe import Markup

    ranking = comparison.table(full=True)
    return {
        "panel": comparison.description.panel,
        "answer": _answer(comparison, ranking),
        "notes": ranking.notes,
        "ranking": Markup(ranking.without_notes().to_html()),  # noqa: S704 - escaped by Table
        "trials": Markup(_trials(comparison).to_html()),  # noqa: S704 - escaped by Table
        "provenance": [Markup(table.to_html()) for table in _provenance(comparison)],  # noqa: S704 - escaped by Table
        "unfinished": [o for o in comparison.outcomes if o.status != "finished"],
    }


def _answer(comparison: Comparison, ranking: Table) -> str:
    """What the page opens with: which may be the best, and how much can be told apart."""
    names = [column.name for column in ranking.columns]
    best = []
    if "variant" in names:
        place = names.index("variant")
        best = [row.cells[place] for row in ranking.rows if row.tone == "good"]
    said = [f"{', '.join(best)} may be the best: none is shown to be better."] if best else []
    return " ".join([*said, *comparison.findings()[:1]])


def _trials(comparison: Comparison) -> Table:
    """The endpoint of every trial: one row per variant, best first, one column per seed."""
    grid = comparison.grid
    columns = [Column("variant"), *(Column(f"seed {seed}", "right") for seed in grid.seeds)]
    rows = tuple(
        Row((summary.name, *(_cell(comparison, summary.name, seed) for seed in grid.seeds)))
        for summary in comparison
    )
    label = comparison.description.endpoint.axis
    return Table(f"Every trial: {label}", tuple(columns), rows)


def _cell(comparison: Comparison, variant: str, seed: int) -> str:
    outcome = comparison.grid.outcomes.get((variant, seed))
    if outcome is None:
        return "not run"
    endpoint = comparison.description.endpoint
    value = outcome.values.get(endpoint.name)
    return outcome.status if value is None else endpoint.text(value)


def _provenance(comparison: Comparison) -> Iterator[Table]:
    """Recipe and data, settings, and versions."""
    trial = comparison.outcomes[0].trial
    devices = dict.fromkeys(outcome.trial.device for outcome in comparison.outcomes)
    yield _facts(
        "Recipe and data",
        {
            "recipe": [f"{trial.recipe}, version {trial.recipe_version}"],
            "data": [trial.data],
            "data checksum": [trial.data_checksum],
            "precision": [trial.precision],
            "device": list(devices),
            "seeds": list(comparison.grid.seeds),
            "level of the tests": [comparison.level],
        },
    )
    yield _facts("Settings", settings_used(comparison))
    yield _facts("Versions", versions_used(comparison))


def _facts(title: str, facts: Mapping[str, Sequence[object]]) -> Table:
    rows = tuple(Row((name, ", ".join(map(str, values)))) for name, values in facts.items())
    return Table(title, (Column("name"), Column("value")), rows)
