"""Pages of experiments, made from their exported results: what was said, and what we found."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from normdrop.lab.comparison import (
    Agreement,
    Answer,
    Comparison,
    VariantSummary,
    agreement,
    answers,
    how_answered,
    settings_used,
    versions_used,
)
from normdrop.lab.metric import Metric
from normdrop.lab.recipe_names import file_of, recipe_names
from normdrop.lab.results import read_curves, read_results
from normdrop.lab.trial import NO_DATA
from normdrop.report._curves import curves_figure
from normdrop.report._forest_plot import forest
from normdrop.values.display import Column, Row, Table, in_markdown, with_uncertainty

_MADE_BY = "Written by `normdrop results FOLDERS --pages FOLDER` from the tables in `results/`."


def experiment_pages(folders: Sequence[Path]) -> dict[str, str]:
    """A page and a figure for each folder of results, and an index, by file name.

    Raises:
        StoreError: When a folder holds no results.
    """
    pages: dict[str, str] = {}
    entries = []
    for folder in sorted(folders, key=lambda each: each.name):
        comparisons = read_results(folder)
        curves = None
        if comparisons[0].description.curves:
            curves = f"{folder.name}-curves.svg"
            pages[curves] = curves_figure(read_curves(folder))
        pages[f"{folder.name}.svg"] = forest(comparisons)
        pages[f"{folder.name}.md"] = _page(folder.name, comparisons, curves)
        entries.append((folder.name, comparisons))
    pages["index.md"] = _index(entries)
    return pages


def _index(entries: Sequence[tuple[str, Sequence[Comparison]]]) -> str:
    lines = [
        "# Experiments of the literature, with paired seeds",
        "",
        _MADE_BY,
        "",
        (
            "*Told apart*: how many pairs of variants are, at 5 % for any false claim in a panel. "
            "*As the source*: how many of those, and of pairs told apart from the baseline by its "
            "own test, the source orders the same way; – where it says nothing of such a pair."
        ),
        "",
        "| recipe | asks | told apart | as the source | seeds | trained on |",
        "|---|---|--:|--:|--:|---|",
    ]
    for name, comparisons in entries:
        seeds = max(len(comparison.grid.seeds) for comparison in comparisons)
        cells = (
            f"[{name}]({name}.md)",
            in_markdown(comparisons[0].description.question) or "–",
            *_counts([agreement(comparison) for comparison in comparisons]),
            str(seeds),
            _data(comparisons),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _counts(panels: Sequence[Agreement]) -> tuple[str, str]:
    """Pairs told apart of all, and pairs as the source has them of those that it judges."""
    judged = sum(panel.judged for panel in panels)
    return (
        f"{sum(panel.apart for panel in panels)} of {sum(panel.pairs for panel in panels)}",
        f"{sum(panel.agree for panel in panels)} of {judged}" if judged else "–",
    )


def _data(comparisons: Sequence[Comparison]) -> str:
    names = dict.fromkeys(comparison.outcomes[0].trial.data for comparison in comparisons)
    return ", ".join("drawn inputs" if name == NO_DATA else name for name in names)


def _page(name: str, comparisons: Sequence[Comparison], curves: str | None) -> str:
    return "\n".join(_lines(name, comparisons, curves)) + "\n"


def _lines(name: str, comparisons: Sequence[Comparison], curves: str | None) -> Iterator[str]:
    about = comparisons[0].description
    found = answers(comparisons)
    yield from (f"# {in_markdown(about.title)}", "")
    if about.question:
        yield from (f"**{in_markdown(about.question)}**", "")
    if found:
        yield from (*map(_answer, found), "")
    if about.source:
        yield from (f"Source: {in_markdown(about.source)}.", "")
    if about.source or any(c.description.published or c.description.claims for c in comparisons):
        yield from ("## What the source says", "", _source(comparisons), "")
    yield from ("## What we found", "")
    yield from (f"![{in_markdown(about.endpoint.axis)} of every variant]({name}.svg)", "")
    published = any(c.description.endpoint.name in c.description.published for c in comparisons)
    ring = "; diamonds: published, arrows: published, farther out" if published else ""
    yield from (f"Dots and bars: mean and 95 % interval; ticks: seeds{ring}.", "")
    if curves is not None:
        yield from (f"![Mean learning curves]({curves})", "")
    if len(comparisons) > 1:
        yield from _overview(comparisons)
    for comparison in comparisons:
        yield from _found(comparison)
    read = (line for comparison in comparisons for line in comparison.reading())
    notes = dict.fromkeys((*how_answered(found), *read))
    if notes:
        yield from ("## How to read it", "", *(f"- {in_markdown(line)}" for line in notes), "")
    yield from ("## How it was made", "", *_made(name, comparisons), "", _MADE_BY)


def _answer(answer: Answer) -> str:
    return f"- **{in_markdown(answer.claim)}.** {in_markdown(answer.figures)}"


def _source(comparisons: Sequence[Comparison]) -> str:
    text = "No published figures stand beside these."
    if any(comparison.description.published for comparison in comparisons):
        label = in_markdown(comparisons[0].description.published_label)
        text = f"Its figures stand in the columns “publ.”{label and f': {label}'}."
    against = [c for c in comparisons if agreement(c).against]
    if not against:
        return text
    panels = ", ".join(in_markdown(c.description.panel) for c in against if c.description.panel)
    here = f"In {panels} what" if panels else "What"
    if any(c.description.like_source for c in against):
        return f"{text} **{here} we found contradicts the source**; see below."
    return f"{text} {here} we found differs from it, and so do the settings; see below."


def _overview(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """One row per panel, one column per variant."""
    metric = comparisons[0].description.endpoint
    variants = list(dict.fromkeys(v for c in comparisons for v in c.description.variants))
    table = Table(
        "",
        (Column("panel"), *(Column(variant, "right") for variant in variants)),
        tuple(
            Row((c.description.panel, *(_cell(c, metric, variant) for variant in variants)))
            for c in comparisons
        ),
    )
    yield f"Mean {in_markdown(metric.axis)}; ▲ is higher, ▼ lower than the panel's baseline:"
    yield ""
    yield from (table.to_markdown(), "")


def _cell(comparison: Comparison, metric: Metric, variant: str) -> str:
    if variant not in comparison.description.variants or not comparison[variant].seeds:
        return "–"
    summary = comparison[variant]
    text = metric.text(summary.endpoint)
    if summary.interval is not None:
        text = with_uncertainty(summary.endpoint, summary.interval.half_width)
    return text + _against_baseline(summary, comparison.level)


def _against_baseline(summary: VariantSummary, level: float) -> str:
    if summary.p is None or summary.difference is None or summary.p > level:
        return ""
    return " ▲" if summary.difference > 0 else " ▼"


def _found(comparison: Comparison) -> Iterator[str]:
    panel = comparison.description.panel
    if panel:
        yield from (f"### {in_markdown(panel)}", "")
    yield from (comparison.table().to_markdown(), "")
    told = {answer.sentence for answer in answers([comparison])}
    lines = (line for line in comparison.findings() if line not in told)  # they stand above
    yield from (*(f"- {in_markdown(line)}" for line in lines), "")


def _made(name: str, comparisons: Sequence[Comparison]) -> Iterator[str]:
    yield f"`{_call(name, comparisons[0])}`, with these settings:"
    yield ""
    for comparison in comparisons:
        panel = comparison.description.panel
        facts: Mapping[str, Sequence[object]] = {
            "data": [comparison.outcomes[0].trial.data],
            "seeds": [len(comparison.grid.seeds)],
            **settings_used(comparison),
            **versions_used(comparison),
        }
        text = ", ".join(f"{key} {_values(key, values)}" for key, values in facts.items())
        yield f"- {in_markdown(f'{panel}: {text}' if panel else text)}"


def _call(name: str, comparison: Comparison) -> str:
    """What makes the comparison: a recipe of normdrop's, of a file, or handed over as a value."""
    recipe = comparison.outcomes[0].trial.recipe
    file = file_of(recipe)
    if file is not None:
        return f"normdrop compare {file.name}"
    return f"normdrop compare {name}" if recipe in recipe_names() else "normdrop.compare(recipe)"


def _values(setting: str, values: Sequence[object]) -> str:
    absent = "all" if setting.startswith("limit") else "none"
    return " / ".join(absent if value is None else str(value) for value in values)
