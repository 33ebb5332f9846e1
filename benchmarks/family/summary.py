"""What `docs/predict.md` says of the accuracy, made from the published table and nothing else."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from family.points import Method

_BEGIN, _END = "<!-- accuracy: made by benchmarks/predict.py -->\n", "<!-- end of accuracy -->\n"
_KINDS = {
    "pre": "residual, pre-activation",
    "post": "residual, post-activation",
    "wide": "wide residual",
    "depth": "stochastic depth",
    "excite": "squeeze-and-excitation",
    "unet": "U-shaped",
    "sequence": "one-dimensional",
    "mlp": "perceptrons",
}


@dataclass(frozen=True)
class Target:
    """What a method is to reach: median and 90th percentile of e, and the rank correlation."""

    median: float
    high: float
    rank: float | None = None


TARGETS: Mapping[Method, Target] = MappingProxyType(
    {
        "simulate": Target(0.02, 0.05, 0.98),
        "moments": Target(0.05, 0.15, 0.95),
        "invert": Target(0.03, 0.10),
    }
)


@dataclass(frozen=True)
class Row:
    """One line of the published table."""

    name: str
    layers: int
    median: float
    high: float

    def misses(self, target: Target) -> bool:
        """Whether its own median or 90th percentile lies beyond the target."""
        return self.median > target.median or self.high > target.high


@dataclass(frozen=True)
class Section:
    """One method's part of the published table."""

    method: Method
    rows: tuple[Row, ...]
    rank: str
    strayed: str
    missing: str

    def row(self, name: str) -> Row:
        """A line by its name."""
        return next(row for row in self.rows if row.name == name)


def kind(member: str) -> str:
    """A network's kind, from its name."""
    first = member.partition("-")[0]
    return _KINDS.get(first, first)


def publish(text: str, page: Path) -> None:
    """Put the summary of a published table into a page, between its two marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    page.write_text(before + _BEGIN + "\n" + summary(text) + "\n" + _END + after, encoding="utf-8")


def summary(text: str) -> str:
    """The table of all methods, and by name every network that falls short."""
    sections = list(_sections(text))
    return "\n".join([*_table(sections), "", *_short(sections), "", *_lag(text)]) + "\n"


def _sections(text: str) -> Iterator[Section]:
    for part in text.split("\n\n"):
        lines = part.splitlines()
        for method in TARGETS:
            if f"weights, {method} (" in lines[0]:
                yield Section(
                    method,
                    tuple(_rows(lines)),
                    _after(part, "rank correlation "),
                    _after(part, "outside 1 ± 0.02: ").removesuffix(" layers"),
                    _after(part, "not measured: "),
                )


def _rows(lines: list[str]) -> Iterator[Row]:
    for line in lines:
        found = re.fullmatch(r"(\S.*?) +(\d+) +([\d.]+) +([\d.]+) +[\d.]+ +[\d.]+", line)
        if found:
            name, layers, *values = found.groups()
            yield Row(name, int(layers), *map(float, values))


def _after(part: str, words: str) -> str:
    """The rest of the last line that has these words."""
    return part.rpartition(words)[2].partition("\n")[0]


def _table(sections: list[Section]) -> Iterator[str]:
    yield "| | networks | layers | median e | 90th percentile | rank correlation | strays |"
    yield "|---|---|---|---|---|---|---|"
    for part in sections:
        whole, target = part.row("all"), TARGETS[part.method]
        rank = part.rank + (f" (≥ {target.rank})" if target.rank else "")
        networks = sum(not row.name.startswith("all") for row in part.rows)
        weights = "trained" if part.method == "invert" else "fresh"
        yield (
            f"| {part.method}, {weights} weights | {networks} | {whole.layers} "
            f"| {whole.median:.3f} (≤ {target.median:.2f}) "
            f"| {whole.high:.3f} (≤ {target.high:.2f}) | {rank} | {part.strayed} |"
        )
        for name in ("all ReLU", "all ELU, GELU and SiLU"):
            row = part.row(name)
            label = name.replace("all ", "of these with ", 1)
            yield f"| {label} | | {row.layers} | {row.median:.3f} | {row.high:.3f} | | |"


def _short(sections: list[Section]) -> Iterator[str]:
    yield _wrapped(
        "Where the methods fall short: every network, and every kind of network, whose own median "
        "or 90th percentile (both in brackets) misses the target."
    )
    yield ""
    for part in sections:
        target = TARGETS[part.method]
        missed = [row for row in part.rows if row.name != "all" and row.misses(target)]
        named = [_named(row) for row in missed if not row.name.startswith("all ")]
        kinds = [_named(row) for row in missed if row.name.startswith("all ")]
        said = (
            f"* **{part.method}**, beyond {target.median:.2f} or {target.high:.2f}: "
            f"{_listed(named)}. As a kind: {_listed(kinds)}. Not measured: {part.missing}."
        )
        yield _wrapped(said)


def _lag(text: str) -> Iterator[str]:
    """How many lagging models are recognised, by what made them lag."""
    part = text[text.index("statistics that lag") :]
    counted = {
        (state, how): (flagged, total)
        for state, how, flagged, total in re.findall(
            r"^ +(\w+) +(\w+) +(\d+) of +(\d+)", part, re.MULTILINE
        )
    }
    networks = re.search(r"^(\d+) networks; not measured", part, re.MULTILINE)
    if networks is None:
        raise ValueError("the table of lagging statistics does not say how many networks it covers")
    found, lagging = counted["lagging", "all"]
    alarms, settled = counted["settled", "all"]
    left = counted["lagging", "left"]
    yield _wrapped(
        f"Statistics that lag, over {networks[1]} of the networks at several ages and momenta: "
        f"{found} of {lagging} models whose worst layer lags by more than 15 % are recognised "
        f"(target 90 %), and {alarms} of {settled} within 5 % are taken for one (target at most "
        f"5 %). Of those that count enough batches but were left behind by their weights, "
        f"{left[0]} of {left[1]} are recognised: lag in shallow networks goes unseen where their "
        "inputs can be bent to any statistics."
    )
    yield ""
    yield _wrapped(f"Not counted there: {_after(part, 'not measured: ')}.")


def _named(row: Row) -> str:
    name = row.name.removeprefix("all ")
    return f"{name} ({row.median:.3f}, {row.high:.3f})"


def _wrapped(text: str) -> str:
    indent = "  " if text.startswith("*") else ""
    return textwrap.fill(
        text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _listed(parts: list[str]) -> str:
    return "; ".join(parts) or "none"
