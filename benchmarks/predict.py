"""How well `predict` does over its test family, against brute force.

    NORMDROP_DATA=... python -m family       # once, from benchmarks/: trains the family
    python benchmarks/predict.py             # writes predict.txt, the figure and docs/predict.md
    python benchmarks/predict.py --kept      # the same of what has been measured so far

e is |log(predicted shift / true shift)| over the norm layers whose true shift is beyond 1 ± 0.02;
beside it the same number for two brute-force measurements from separate draws. `simulate` and
`moments` see fresh weights, one on pink and the other on independent inputs, as each assumes;
`invert` sees weights trained on real data. What is measured is kept until the code changes, so
a stopped run goes on where it was.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from family.members import FAMILY, Member
from family.points import METHODS, Lag, Method, Point, lags, points, quantiles, rank_correlation
from family.scatter import scatter
from family.summary import TARGETS, kind, publish

from normdrop.shifts.expected import INITIAL_ABOVE, MISMATCH_ABOVE

_STILL = 0.01
_HERE = Path(__file__).parent
_DOCS = _HERE.parent / "docs"
_TITLES: dict[Method, str] = {
    "simulate": "fresh weights, simulate",
    "moments": "fresh weights, moments",
    "invert": "trained weights, invert",
}


def table(method: Method, found: dict[str, list[Point]]) -> Iterator[str]:
    """One line per network, worst first, one per kind of network, and one for all."""
    aim = TARGETS[method]
    rank = f", rank correlation {aim.rank}" if aim.rank else ""
    yield f"{_TITLES[method]} (targets: median {aim.median}, 90 % {aim.high}{rank})"
    yield f"{'':34}  layers  median e  90 % e   largest  truth's own median"
    every = [point for some in found.values() for point in some]
    shifted = [point for point in every if point.shifted]
    names = {point.member for point in shifted}
    yield from _ranked({name: [p for p in shifted if p.member == name] for name in names})
    kinds = {kind(name) for name in names}
    yield from _ranked({f"all {k}": [p for p in shifted if kind(p.member) == k] for k in kinds})
    yield _line("all ReLU", [point for point in shifted if "relu" in point.member])
    yield _line("all ELU, GELU and SiLU", [p for p in shifted if "relu" not in p.member])
    yield _line("all", shifted)
    yield f"rank correlation {rank_correlation(shifted):.4f}"
    strayed = sum(abs(p.true - 1) < _STILL and abs(p.predicted - 1) > 2 * _STILL for p in every)
    yield f"true shift within 1 ± 0.01 but predicted outside 1 ± 0.02: {strayed} layers"
    missing = [member.name for member in FAMILY if member.name not in found]
    refused = [name for name, some in found.items() if not some]
    yield f"{len(found)} networks; not measured: {', '.join(missing) or 'none'}"
    if method == "invert":
        yield f"settled, but taken for lagging: {', '.join(refused) or 'none'}"


def lag_table(found: dict[str, list[Lag]]) -> Iterator[str]:
    """How many lagging and settled models are told apart, by how their statistics came about."""
    yield f"statistics that lag: mismatch above {MISMATCH_ABOVE}, or {INITIAL_ABOVE:.0%} initial"
    every = [lag for some in found.values() for lag in some]
    for label in ("lagging", "settled", "between"):
        some = [lag for lag in every if lag.label == label]
        for how in (None, *sorted({lag.kind.split()[0] for lag in some})):
            rows = [lag for lag in some if how is None or lag.kind.startswith(how)]
            flagged = sum(lag.fit.lags for lag in rows)
            low, middle, high = np.nanquantile(
                [lag.fit.mismatch for lag in rows], (0.05, 0.5, 0.95)
            )
            yield (
                f"  {label:9} {how or 'all':9} {flagged:4} of {len(rows):4} flagged; "
                f"mismatch 5 % {low:.4f}, median {middle:.4f}, 95 % {high:.4f}"
            )
    missing = [member.name for member in FAMILY if member.name not in found]
    yield f"{len(found)} networks; not measured: {', '.join(missing) or 'none'}"


def _ranked(groups: dict[str, list[Point]]) -> Iterable[str]:
    names = sorted(groups, key=lambda name: -quantiles(groups[name])[0])
    return [_line(name, groups[name]) for name in names]


def _line(name: str, some: list[Point]) -> str:
    median, high, largest = quantiles(some)
    own = float(np.median([point.spread for point in some]))
    return f"{name:34} {len(some):7} {median:9.4f} {high:7.4f} {largest:9.4f} {own:9.4f}"


def _collect(method: Method, *, measure: bool) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for member in FAMILY:
        some = points(member, method, measure=measure)
        if some is not None:
            found[member.name] = some
        _tell(measure, f"{method} {member.name}")
    return found


def _collect_lags(members: Iterable[Member], *, measure: bool) -> dict[str, list[Lag]]:
    found: dict[str, list[Lag]] = {}
    for member in members:
        some = lags(member, measure=measure)
        if some is not None:
            found[member.name] = some
        _tell(measure, f"lag {member.name}")
    return found


def _tell(wanted: bool, line: str) -> None:  # noqa: FBT001 - a private helper of one flag
    if wanted:
        print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Write the tables, the scatter and the documentation's summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kept", action="store_true", help="publish what has been measured")
    parser.add_argument("--method", choices=METHODS, help="measure one method, publish nothing")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.method:
        _collect(chosen.method, measure=True)
        return
    found = {method: _collect(method, measure=not chosen.kept) for method in METHODS}
    parts = ["\n".join(table(method, some)) for method, some in found.items() if some]
    parts.append("\n".join(lag_table(_collect_lags(FAMILY, measure=not chosen.kept))))
    text = "\n\n".join(parts) + "\n"
    (_HERE / "predict.txt").write_text(text, encoding="utf-8")
    scatter(
        [p for some in found.values() for rows in some.values() for p in rows],
        _DOCS / "predict-accuracy.svg",
    )
    publish(text, _DOCS / "predict.md")


if __name__ == "__main__":
    main()
