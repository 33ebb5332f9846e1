"""What a shift costs beside what is said of it beforehand, over many small trained networks.

    NORMDROP_DATA=... python benchmarks/cost.py        # measures, writes cost.txt and the figure
    python benchmarks/cost.py --kept                   # writes them of what is measured already

The true cost is what the exact recalibration on the training data wins on held examples: of the
loss, relative to it, and of accuracy. Said beforehand is, without labels, how far right statistics
move the outputs, in their deviations, on the held inputs and on inputs found by inversion. The
first seeds set the bounds of the bands, and the last ones judge them. Measured rows lie in
`$XDG_CACHE_HOME/normdrop-cost.jsonl`.
"""

import argparse
import copy
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _pages import publish
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn import functional

import normdrop
from normdrop.errors import NormdropError
from normdrop.lab.data import Dataset, load
from normdrop.shifts.report._cost import SCORES, VALUES  # a benchmark looks inside
from normdrop.torch import ResidualBlock
from normdrop.verbs import invert

_HERE = Path(__file__).parent
_STEPS, _BATCH, _SETTLING = 150, 64, 50
_RATES = (0.5, 0.1, 0.3)
_SEEDS = ((0, 2), (1, 3))
_SET = 2
"""Seeds below it set the bounds."""
_WIDTH = 32
_BLOCKS = "inside our residual blocks"
_PLACES = (
    "before the norm",
    "before the weights",
    "after the activation",
    _BLOCKS,
    "behind the last norm",
)
_KINDS = ("perceptron", "convolutions", "regression of wine", "regression of concrete")
_FELT = 0.05
"""Of the loss: what a user would notice. Accuracy hardly moves in these networks."""
Row = dict[str, Any]


class _Residual(nn.Module):
    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)  # type: ignore[no-any-return] # a tensor


def _build(kind: str, place: str, rate: float, inputs: int, outputs: int) -> nn.Module:
    """Three hidden steps with dropout at a place; or two of our residual blocks."""
    drop: Callable[[], nn.Module] = lambda: nn.Dropout(rate)  # noqa: E731 - made many times
    if kind == "convolutions":

        def weights(a: int, b: int) -> nn.Module:
            return nn.Conv2d(a, b, 3, padding=1)

        norm: Callable[[int], nn.Module] = nn.BatchNorm2d
        first, inputs = [nn.Unflatten(1, (1, 8, 8))], 1
        last: list[nn.Module] = [
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * _WIDTH, outputs),
        ]
    else:
        weights, norm, first, last = nn.Linear, nn.BatchNorm1d, [], [nn.Linear(_WIDTH, outputs)]

    def step(a: int) -> list[nn.Module]:
        return {
            "before the norm": lambda: [weights(a, _WIDTH), drop(), norm(_WIDTH), nn.ReLU()],
            "before the weights": lambda: [drop(), weights(a, _WIDTH), norm(_WIDTH), nn.ReLU()],
            "after the activation": lambda: [weights(a, _WIDTH), norm(_WIDTH), nn.ReLU(), drop()],
            "behind the last norm": lambda: [weights(a, _WIDTH), norm(_WIDTH), nn.ReLU()],
        }[place]()

    if place == _BLOCKS:
        flat = kind != "convolutions"
        blocks = [ResidualBlock(_WIDTH, dropout=rate, dimensions=0 if flat else 2) for _ in "ab"]
        return nn.Sequential(
            *first, weights(inputs, _WIDTH), *blocks, norm(_WIDTH), nn.ReLU(), *last
        )
    body: list[nn.Module] = [*step(inputs)]
    for number in range(2):
        body += [_Residual(nn.Sequential(*step(_WIDTH)))] if number else step(_WIDTH)
    if place == "behind the last norm":
        body.append(drop())
    return nn.Sequential(*first, *body, *last)


def _row(kind: str, place: str, rate: float, seed: int) -> Row:
    torch.manual_seed(seed)
    regression = _is_regression(kind)
    found = _data(kind.rsplit(maxsplit=1)[-1] if regression else "digits")
    (x, y), (u, v) = (
        (torch.tensor(np.asarray(part.inputs, np.float32)).flatten(1), torch.tensor(part.targets))
        for part in (found.train, found.test)
    )
    centre, scale = x.mean(0), x.std(0) + 1e-6
    x, u = (x - centre) / scale, (u - centre) / scale
    if regression:
        y, v = ((each - y.mean()) / y.std() for each in (y, v))
    net = _build(kind, place, rate, x.shape[1], 1 if regression else 10)
    _train(net, x, y)

    def losses(model: nn.Module) -> tuple[np.ndarray, float]:
        with torch.no_grad():
            out = model.eval()(u)
        if regression:
            return ((out.flatten() - v) ** 2).numpy(), float("nan")
        each = functional.cross_entropy(out, v, reduction="none").numpy()
        return each, float((out.argmax(1) == v).float().mean())

    before, accuracy = losses(net)
    measured = normdrop.measure(net, list(u.split(256)))
    try:
        predicted = invert(net, (x.shape[1],), blame=False).cost
    except NormdropError:
        predicted = None
    right = copy.deepcopy(net)
    normdrop.recalibrate(right, list(x.split(256)), method="exact")
    after, accurate = losses(right)
    won = before - after
    return {
        "kind": kind,
        "place": place,
        "rate": rate,
        "seed": seed,
        "loss": float(before.mean()),
        "won": float(won.mean()),
        "error": float(won.std() / len(won) ** 0.5),
        "accuracy": accurate - accuracy,
        "measured": None if measured.cost is None else measured.cost.to_dict(),
        "predicted": None if predicted is None else predicted.to_dict(),
        "shift": max(abs(float(np.log(each.shift))) for each in measured),
        "mean shift": max(each.mean_shift for each in measured),
    }


def _is_regression(kind: str) -> bool:
    return kind.startswith("regression")


@cache
def _data(name: str) -> Dataset:
    return load(name)


def _train(net: nn.Module, x: Tensor, y: Tensor) -> None:
    optimizer = torch.optim.AdamW(net.train().parameters(), 3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
    for _ in range(_STEPS):
        rows = torch.randint(len(x), (_BATCH,))
        out = net(x[rows])
        regression = y.is_floating_point()
        loss = (
            functional.mse_loss(out.flatten(), y[rows])
            if regression
            else functional.cross_entropy(out, y[rows])
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch types it so
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        for _ in range(_SETTLING):
            net(x[torch.randint(len(x), (_BATCH,))])


def said(row: Row, how: str) -> float:
    """What is said of the cost: how far outputs move; 0 where nothing is asked."""
    return 0.0 if row[how] is None else float(row[how]["moved"])


def band(row: Row, how: str) -> str:
    """The severity by the bounds of today."""
    errors, warnings = VALUES if _is_regression(row["kind"]) else SCORES
    value = said(row, how)
    return "error" if value >= errors else "warning" if value >= warnings else "note"


def table(rows: list[Row]) -> Iterator[str]:
    """Rank correlations and bands, the two halves apart."""
    yield f"{len(rows)} networks: perceptrons, convolutions (digits), regression (wine, concrete)"
    for name, half in (
        ("first seeds, which the bounds were set by", True),
        ("last seeds, kept for judging", False),
    ):
        some = [row for row in rows if (row["seed"] < _SET) == half]
        yield f"{name}: {len(some)} networks"
        for tasks in ("classification", "regression"):
            chosen = [row for row in some if _is_regression(row["kind"]) == (tasks == "regression")]
            if not chosen:
                continue
            won = [row["won"] / row["loss"] for row in chosen]
            ranks = {
                "on data": [said(row, "measured") for row in chosen],
                "without data": [said(row, "predicted") for row in chosen],
                "largest variance shift": [row["shift"] for row in chosen],
                "largest mean shift": [row["mean shift"] for row in chosen],
            }
            shown = ", ".join(
                f"{key} {spearmanr(won, each).statistic:.2f}" for key, each in ranks.items()
            )
            yield f"  {tasks}: rank correlation with the loss that right statistics win: {shown}"
            for how in ("measured", "predicted"):
                yield f"  {tasks}, {how}: " + "; ".join(_bands(chosen, how))
    yield f"bounds: scores that move by {SCORES}, values by {VALUES}"
    yield f"felt: {_FELT:.0%} of the loss, or one point of accuracy"
    columns = ("won of the loss", "accuracy", "said on data", "said without")
    yield f"{'place':22} rate  " + "  ".join(f"{each:>15}" for each in columns)
    for place in dict.fromkeys(row["place"] for row in rows):
        for rate in sorted(_RATES):
            some = [
                r
                for r in rows
                if r["place"] == place and r["rate"] == rate and not _is_regression(r["kind"])
            ]
            if some:
                values = (
                    np.mean([r["won"] / r["loss"] for r in some]),
                    np.mean([r["accuracy"] for r in some]),
                    np.mean([said(r, "measured") for r in some]),
                    np.mean([said(r, "predicted") for r in some]),
                )
                yield f"{place:22} {rate:.2f}  " + "  ".join(f"{each:15.3f}" for each in values)


def _felt(row: Row) -> bool:
    accurate = row["accuracy"] == row["accuracy"] and row["accuracy"] >= 0.01  # noqa: PLR2004 - NaN; a point
    return bool(row["won"] >= _FELT * row["loss"] and row["won"] > 2 * row["error"]) or accurate


def _bands(rows: list[Row], how: str) -> Iterator[str]:
    for name in ("error", "warning", "note"):
        some = [row for row in rows if band(row, how) == name]
        yield f"{sum(map(_felt, some))} of {len(some)} {name}s are felt"


def figure(rows: list[Row]) -> None:
    """The scatter: what is said on data, and what right statistics win of the loss."""
    some = [row for row in rows if not _is_regression(row["kind"])]
    high = max(0.01, *(said(row, "measured") for row in some))

    def x(value: float) -> float:
        return 50 + 350 * value / high

    def y(value: float) -> float:
        return 270 - 230 * value

    dots = [
        f'<circle cx="{x(said(row, "measured")):.1f}" cy="{y(row["won"] / row["loss"]):.1f}" r="3" '
        f'fill="{"#0072b2" if row["seed"] < _SET else "#d55e00"}" fill-opacity="0.6"/>'
        for row in some
    ]
    labels = [
        f'<text x="{x(at * high):.0f}" y="310" text-anchor="middle">{at * high:.2f}</text>'
        for at in (0, 0.5, 1)
    ]
    labels += [
        f'<text x="44" y="{y(at) + 4:.0f}" text-anchor="end">{at:.0%}</text>' for at in (0, 0.5, 1)
    ]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 420 350">',
        '<g font-family="sans-serif" font-size="11">',
        "<title>What is said of the cost against what right statistics win of the loss</title>",
        '<rect width="420" height="350" fill="white"/>',
        f'<line x1="50" y1="{y(0)}" x2="400" y2="{y(0)}" stroke="#888"/>',
        *dots,
        *labels,
        '<text x="225" y="340" text-anchor="middle">how far scores move, without labels</text>',
        '<text x="50" y="16">share of the loss won; orange: kept for judging</text>',
        "</g></svg>\n",
    ]
    (_HERE.parent / "docs" / "cost.svg").write_text("\n".join(parts), "utf-8")


def main() -> None:
    """Measure what is not kept, and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kept", action="store_true")
    chosen = parser.parse_args()
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "normdrop-cost.jsonl"
    rows: list[Row] = (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    )
    known = {(row["kind"], row["place"], row["rate"], row["seed"]) for row in rows}
    if not chosen.kept:
        for key in (
            (kind, place, rate, seed)
            for seeds in _SEEDS
            for rate in _RATES
            for place in _PLACES
            for kind in _KINDS
            for seed in seeds
        ):
            if key not in known:
                rows.append(_row(*key))
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
                print(*key, file=sys.stderr, flush=True)
    output = "\n".join(table(rows)) + "\n"
    (_HERE / "cost.txt").write_text(output, "utf-8")
    publish("cost.md", "cost", output)
    figure(rows)


if __name__ == "__main__":
    main()
