"""How well `predict` does over its test family, against brute force.

    NORMDROP_DATA=... python -m family       # once, from benchmarks/: trains the family
    python benchmarks/predict.py             # prints benchmarks/predict.txt, draws the figure

e is |log(predicted shift / true shift)| over the norm layers whose true shift is beyond 1 ± 0.02;
beside it the same number for two brute-force measurements from separate draws.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from family.members import FAMILY
from family.points import (
    Lag,
    Point,
    fresh,
    lags,
    quantiles,
    rank_correlation,
    trained,
    trained_members,
)
from family.scatter import scatter

from normdrop.torch._fit import INITIAL_ABOVE, MISMATCH_ABOVE

_STILL = 0.01
_FIGURE = Path(__file__).parents[1] / "docs" / "predict-accuracy.svg"


def table(title: str, points: list[Point]) -> None:
    """One line per network, worst first, and one for all."""
    print(f"\n{title}\n{'':34}  layers  median e  90 % e   largest  truth's own median")
    shifted = [point for point in points if point.shifted]
    names = sorted({p.member for p in shifted}, key=lambda n: -_median(shifted, n))
    for name in names:
        _line(name, [point for point in shifted if point.member == name])
    _line("all", shifted)
    _line("all ReLU", [point for point in shifted if "relu" in point.member])
    _line("all others", [point for point in shifted if "relu" not in point.member])
    print(f"rank correlation {rank_correlation(shifted):.4f}")
    strayed = sum(abs(p.true - 1) < _STILL and abs(p.predicted - 1) > 2 * _STILL for p in points)
    print(f"true shift within 1 ± 0.01 but predicted outside 1 ± 0.02: {strayed} layers")


def lag_table(found: list[Lag]) -> None:
    """How many lagging and settled models are told apart, by how their statistics came about."""
    print(f"\nstatistics that lag: mismatch above {MISMATCH_ABOVE}, or {INITIAL_ABOVE:.0%} initial")
    for label in ("lagging", "settled", "between"):
        some = [lag for lag in found if lag.label == label]
        for kind in (None, *sorted({lag.kind.split()[0] for lag in some})):
            rows = [lag for lag in some if kind is None or lag.kind.startswith(kind)]
            flagged = sum(lag.fit.lags for lag in rows)
            low, middle, high = np.nanquantile(
                [lag.fit.mismatch for lag in rows], (0.05, 0.5, 0.95)
            )
            print(
                f"  {label:9} {kind or 'all':9} {flagged:4} of {len(rows):4} flagged; "
                f"mismatch 5 % {low:.4f}, median {middle:.4f}, 95 % {high:.4f}"
            )


def _line(name: str, points: list[Point]) -> None:
    median, high, largest = quantiles(points)
    own = float(np.median([point.spread for point in points]))
    print(f"{name:34} {len(points):7} {median:9.4f} {high:7.4f} {largest:9.4f} {own:9.4f}")


def _median(points: Iterable[Point], name: str) -> float:
    return quantiles(point for point in points if point.member == name)[0]


def _collect(makers: Iterable[Callable[[], Iterable[Point]]]) -> list[Point]:
    found: list[Point] = []
    for make in makers:
        found += make()
        print(".", end="", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Print the tables and the lag counts, and draw the scatter."""
    torch.set_num_threads(1)
    points = _collect((lambda m=member: fresh(m)) for member in FAMILY)
    table("fresh weights, simulate (targets: 0.02, 0.05, rank 0.98)", points)
    ready = list(trained_members())
    if ready:
        after = _collect((lambda m=m, s=s: trained(m, s)) for m, s in ready)
        table("trained weights, invert (targets: 0.03, 0.10)", after)
        refused = {member.name for member, _ in ready} - {point.member for point in after}
        print(f"{len(ready)} networks; taken for lagging: {', '.join(sorted(refused)) or 'none'}")
        lag_table([lag for member, state in ready for lag in lags(member, state)])
        points += after
    scatter(points, _FIGURE)


if __name__ == "__main__":
    main()
