"""The ranking as a table, for 80 columns or for a page."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from normdrop.lab.comparison._analysis import VariantSummary
from normdrop.lab.comparison._results import Results
from normdrop.lab.comparison._sentences import sentences
from normdrop.lab.metric import Metric
from normdrop.lab.statistics import FEWEST_SEEDS
from normdrop.lab.trial import NO_DATA
from normdrop.values.display import (
    Column,
    Row,
    Table,
    Tone,
    duration,
    rounded,
    with_uncertainty,
)

_NONE = "–"


@dataclass(frozen=True)
class _Field:
    """A column, its cell for a summary, and whether it is kept in 80 columns."""

    column: Column
    cell: Callable[[VariantSummary], str]
    narrow: bool = True


def ranking_table(results: Results, *, full: bool) -> Table:
    """Best first: endpoint with interval or points, other metrics, p-values, letters, published."""
    fields = [field for field in _fields(results) if full or field.narrow]
    rows = tuple(
        Row(tuple(field.cell(summary) for field in fields), _tone(results, summary))
        for summary in results
    )
    columns = tuple(field.column for field in fields)
    return Table(_title(results), columns, rows, tuple(_notes(results)))


def _title(results: Results) -> str:
    description, trial = results.description, results.outcomes[0].trial
    epochs = max((o.epochs[-1].number for o in results.outcomes if o.epochs), default=0)
    seeds = len(results.grid.seeds)
    parts = [
        description.title + (f" on {trial.data}" if trial.data != NO_DATA else ""),
        description.panel,
        f"{seeds} {'seed' if seeds == 1 else 'seeds'}",
        f"{epochs} {'epoch' if epochs == 1 else 'epochs'}" if epochs else "",
    ]
    return ", ".join(part for part in parts if part)


def _notes(results: Results) -> list[str]:
    tones = {_tone(results, summary) for summary in results}
    legend = {
        "good": "Marked *: may be the best, none is shown to be better.",
        "bad": "Marked !: diverged with some seed, or has no result.",
    }
    marks = " ".join(text for tone, text in legend.items() if tone in tones)
    return [marks, *sentences(results)] if marks else sentences(results)


def _tone(results: Results, summary: VariantSummary) -> Tone:
    if summary.diverged or not summary.seeds:
        return "bad"
    return "good" if summary.may_be_best and results.analysis.groups else "plain"


def _fields(results: Results) -> list[_Field]:
    fields = [
        _Field(Column("#", "right", "place"), lambda s: str(s.place)),
        _Field(Column("variant"), lambda s: s.name),
        *_endpoint_fields(results),
    ]
    for metric in results.description.metrics:
        if any(math.isfinite(summary.metrics[metric.name]) for summary in results):
            fields += _metric_fields(results, metric)
    if results.analysis.groups:
        against = "baseline" if results.description.baseline else "best"
        heading = Column("p", "right", f"adjusted p-value against the {against}")
        fields += [
            _Field(heading, lambda s: _p(s.p)),
            _Field(Column("group", meaning="no common letter: told apart"), lambda s: s.letters),
        ]
    return fields + _full_fields(results)


def _endpoint_fields(results: Results) -> list[_Field]:
    metric = results.description.endpoint
    heading = Column(metric.column, "right", metric.meaning or metric.axis)
    fields = [_Field(heading, partial(_endpoint, metric))]
    if any(0 < len(summary.seeds) < FEWEST_SEEDS for summary in results):
        heading = Column("each seed", meaning=f"{metric.label} of each seed")
        fields.append(_Field(heading, partial(_points, metric)))
    return fields + _published_fields(results, metric, "publ.")


def _metric_fields(results: Results, metric: Metric) -> list[_Field]:
    heading = Column(metric.column, "right", metric.meaning or metric.axis)
    taken = _Field(heading, lambda s: _value(metric, s.metrics[metric.name]), metric.narrow)
    return [taken, *_published_fields(results, metric, f"publ. {metric.column}")]


def _published_fields(results: Results, metric: Metric, heading: str) -> list[_Field]:
    if metric.name not in results.description.published:
        return []
    column = Column(heading, "right", f"published: {results.description.published_label}")
    return [_Field(column, lambda s: _value(metric, s.published.get(metric.name)), metric.narrow)]


def _full_fields(results: Results) -> list[_Field]:
    fields = [
        _Field(Column("mean rank", "right", "over complete seeds"), _ranks, narrow=False),
        _Field(Column("seeds", "right", "finished"), lambda s: str(len(s.seeds)), narrow=False),
        _Field(
            Column("time", "right", "mean of a finished trial"),
            lambda s: duration(s.seconds) if s.seeds else _NONE,
            narrow=False,
        ),
    ]
    if results.description.baseline:
        meaning = "paired difference from the baseline, interval by inverting the sign-flip test"
        fields.insert(0, _Field(Column("− baseline", "right", meaning), _difference, narrow=False))
    return fields


def _endpoint(metric: Metric, summary: VariantSummary) -> str:
    if summary.interval is None:
        return _value(metric, summary.endpoint)
    return with_uncertainty(summary.endpoint, summary.interval.half_width)


def _points(metric: Metric, summary: VariantSummary) -> str:
    if len(summary.seeds) >= FEWEST_SEEDS:
        return ""
    return " ".join(_value(metric, value) for value in summary.points) or _NONE


def _difference(summary: VariantSummary) -> str:
    interval = summary.difference_interval
    if summary.difference is None or not math.isfinite(summary.difference):
        return _NONE
    if interval is None:
        return f"{summary.difference:+.4f}"
    ends = (rounded(end, interval.half_width) for end in interval)
    return f"{rounded(summary.difference, interval.half_width)} [{', '.join(ends)}]"


def _ranks(summary: VariantSummary) -> str:
    if summary.mean_rank is None:
        return _NONE
    return f"{summary.mean_rank:.1f} ({min(summary.ranks):g}–{max(summary.ranks):g})"


def _value(metric: Metric, value: float | None) -> str:
    return _NONE if value is None or not math.isfinite(value) else metric.text(value)


def _p(value: float | None) -> str:
    """Three decimals, as narrow columns have them."""
    smallest = 0.001
    if value is None:
        return _NONE
    return f"<{smallest}" if value < smallest else f"{value:.3f}"
