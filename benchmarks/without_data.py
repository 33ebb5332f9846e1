"""How much of what data recover is recovered without data, on trained networks of many kinds.

    NORMDROP_DATA=... PYTHONPATH=FOLDER python -m trained.training    # once, from benchmarks/
    PYTHONPATH=FOLDER python benchmarks/without_data.py               # writes without_data.txt
    python benchmarks/without_data.py --kept                          # the same of what is measured

The networks (`trained/members.py`) are from public libraries. The method was chosen while the one
half was looked at (nine by name, the rest by a seed), and is judged once on the other. `data` is
the exact method on 1024 examples of training; `32` is recalibration from 32 such examples without
labels. All losses are of 2000 held examples, and each difference stands with its standard error,
paired by example. e is |log(predicted / true shift)| over norm layers whose true shift is beyond
1 ± 0.02; what recalibration states is held against what data make of the same statistics.
"""

import argparse
import copy
import json
import random
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _pages import publish
from torch import Tensor, nn
from torch.nn import functional
from trained.data import Data, load
from trained.members import Member, members
from trained.training import file_of, trained

import normdrop
from normdrop.errors import NormdropError
from normdrop.verbs import invert, stored_fit

_HERE = Path(__file__).parent
_SEED = 1
_EXAMPLES = 1024
_BATCH = 128
_SHIFTED = 0.02
_LAG = 0.15
_WORTH = 0.005
"""Of the loss: data recover anything to speak of beyond it, and beyond two standard errors."""
Found = dict[str, Any]


_LOOKED_AT = (
    *("densenet-0.2", "densenet-3d-0.2", "ecapa-0.1", "ecapa-0.3", "erfnet-0.3", "gin-0.3"),
    *("jasper-0.2", "mlp-12-0.1", "mlp-wine-0.2"),
)


def learned_from(name: str) -> bool:
    """Whether a network is of the half that the method was chosen by."""
    names = sorted(member.name for member in members())
    others = [each for each in names if each not in _LOOKED_AT]
    more = len(names) // 2 - len(_LOOKED_AT)
    return name in _LOOKED_AT or name in random.Random(16).sample(others, more)  # noqa: S311 - no secret


def measured(member: Member, *, few: bool, lag: bool) -> Found:
    """All that is asked of one network; what is measured already is kept."""
    path = file_of(member, _SEED).with_suffix(".json")
    kept: Found = json.loads(path.read_text("utf-8")) if path.exists() else {}
    data = load(member.data)
    shape = tuple(data.inputs.shape[1:])
    steps = {
        "truth": lambda: _base(member, data),
        "without": lambda: _recovered(member, data, shape),
        "predict": lambda: _predicted(member, shape),
    }
    if few:
        rows = _rows(data)
        steps["32"] = lambda: _recovered(member, data, data.inputs[rows[:32]])
    if lag:
        for step in (member.steps // 4, member.steps // 2):
            steps[f"behind {step}"] = lambda step=step: _behind(member, data, shape, f"{step}")
    for name, work in steps.items():
        if name not in kept:
            kept[name] = work()
            path.write_text(json.dumps(kept), "utf-8")
    return kept


def _base(member: Member, data: Data) -> Found:
    net = _net(member)
    before = _losses(net, data)
    batches = list(data.inputs[_rows(data)].split(_BATCH))
    done = normdrop.recalibrate(net, batches, method="exact")
    return {
        "before": before.tolist(),
        "data": _losses(net, data).tolist(),
        "true": {layer.path: layer.shift for layer in done.before},
        "right": {
            layer.path: float(done.stored[layer.path][1].mean() / np.mean(layer.train_variance))
            for layer in done.before
            if layer.path in done.stored
        },
    }


def _recovered(member: Member, data: Data, example: Any) -> Found:  # noqa: ANN401 - what recalibrate takes
    net = _net(member)
    begun = time.process_time()
    try:
        done = normdrop.recalibrate(net, None, example=example)
    except NormdropError as error:
        return {"refused": str(error), "seconds": time.process_time() - begun}
    return {
        "seconds": time.process_time() - begun,
        "losses": _losses(net, data).tolist(),
        "changed": len(done.stored),
        "left": list(done.frozen),
        "notes": list(done.notes),
        "predicted": {layer.path: [layer.shift, layer.error] for layer in done.before},
    }


def _predicted(member: Member, shape: tuple[int, ...]) -> Found:
    report = invert(_net(member), shape, blame=False)
    return {"shifts": {each.path: [each.shift, each.error] for each in report}}


def _behind(member: Member, data: Data, shape: tuple[int, ...], step: str) -> Found:
    net = _net(member, step)
    now, then = _net(member).state_dict(), net.state_dict()
    lag = max(
        float(np.abs(np.log(float(now[key].mean() / then[key].mean()))))
        for key in now
        if key.endswith("running_var")
    )
    fit = stored_fit(net, shape)
    del data
    return {"lag": lag, "mismatch": fit.mismatch, "lags": fit.lags}


def _net(member: Member, behind: str = "") -> nn.Module:
    net = trained(member, _SEED, behind)
    assert net is not None  # noqa: S101 - asked before
    return copy.deepcopy(net)


def _rows(data: Data) -> Tensor:
    return torch.randperm(len(data.inputs), generator=torch.Generator().manual_seed(9))[:_EXAMPLES]


def _losses(net: nn.Module, data: Data) -> np.ndarray:
    net.eval()
    with torch.no_grad():
        outputs = torch.cat([net(x) for x in data.test_inputs.split(250)])
    if data.regression:
        return ((outputs.flatten() - data.test_targets) ** 2).numpy()
    return functional.cross_entropy(outputs, data.test_targets, reduction="none").numpy()


def table(found: dict[str, Found]) -> Iterator[str]:
    """One line per network, the two halves apart, and what they come to."""
    for learned in (True, False):
        half = {name: one for name, one in found.items() if learned_from(name) is learned}
        yield "networks that the method was chosen by" if learned else "networks kept for judging"
        yield (
            f"{'':17} {'shifts':>11} {'before':>7}   with data          without data"
            "       32 examples       changed  time"
        )
        yield from (_line(name, one) for name, one in half.items())
        yield from _summary(half)
        yield ""


def _line(name: str, one: Found) -> str:
    base = one["truth"]
    before = np.array(base["before"])
    shifts = sorted(base["true"].values())
    cells = [_change(before, base["data"])]
    cells += [_outcome(before, one.get(way)) for way in ("without", "32")]
    without = one["without"]
    changed = f"{without.get('changed', 0)} of {len(shifts)}"
    return (
        f"{name:17} {shifts[0]:5.2f}-{shifts[-1]:5.2f} {before.mean():7.4f} "
        + " ".join(f"{cell:18}" for cell in cells)
        + f" {changed:>8} {without['seconds']:4.0f} s"
    )


def _outcome(before: np.ndarray, one: Found | None) -> str:
    if one is None:
        return "-"
    return "refused" if "refused" in one else _change(before, one["losses"])


def _change(before: np.ndarray, after: list[float]) -> str:
    moved = np.array(after) - before
    return f"{moved.mean():+.4f} ± {moved.std() / len(moved) ** 0.5:.4f}"


def _summary(half: dict[str, Found]) -> Iterator[str]:
    for way in ("without", "32"):
        shares, worse, runs = [], 0, 0
        for one in half.values():
            if way not in one:
                continue
            before, data = (np.array(one["truth"][key]) for key in ("before", "data"))
            after = before if "refused" in one[way] else np.array(one[way]["losses"])
            runs += 1
            error = (after - before).std() / len(before) ** 0.5
            worse += (after - before).mean() > 2 * error
            gain = before - data
            if gain.mean() > max(_WORTH * before.mean(), 2 * gain.std() / len(gain) ** 0.5):
                shares.append(float((before - after).mean() / gain.mean()))
        shown = f"median {np.median(shares):.2f}, least {min(shares):.2f}" if shares else "-"
        yield f"{way}: share of what data recover, over {len(shares)} networks they help: {shown}"
        yield f"{way}: worse than before by more than two standard errors: {worse} of {runs}"
    for label, pairs in (
        ("predict", _points(half, "predict")),
        ("recalibrate", _points(half, "without")),
    ):
        e = [abs(np.log(p / t)) for p, t, _ in pairs if abs(t - 1) > _SHIFTED]
        known = [(abs(np.log(p / t)), error) for p, t, error in pairs if error]
        held = sum(far <= 2 * error for far, error in known)
        if e:
            median, high = np.median(e), np.quantile(e, 0.9)
            yield f"{label}: e median {median:.3f}, 90th percentile {high:.3f}, {len(e)} layers"
            yield f"{label}: within twice the stated error: {held} of {len(known)} layers"
    lagging = [name for name, one in half.items() if _is_unknown(one["predict"]["shifts"])]
    yield f"settled, but taken for lagging: {', '.join(lagging) or 'none'} of {len(half)} networks"
    behind = [each for one in half.values() for key, each in one.items() if "behind" in key]
    far = [each for each in behind if each["lag"] > _LAG]
    if far:
        told = sum(each["lags"] for each in far)
        yield f"statistics that lag by more than {_LAG:.0%}: {told} of {len(far)} recognised"


def _is_unknown(shifts: dict[str, list[float]]) -> bool:
    return any(bool(np.isnan(shift)) for shift, _ in shifts.values())


def _points(half: dict[str, Found], way: str) -> list[tuple[float, float, float | None]]:
    found = []
    for one in half.values():
        true = one["truth"]["true" if way == "predict" else "right"]
        stated = one[way].get("shifts" if way == "predict" else "predicted", {})
        for path, (shift, error) in stated.items():
            if path in true and shift > 0 and true[path] > 0:
                found.append((shift, true[path], error))
    return found


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kept", action="store_true", help="measure nothing")
    parser.add_argument("--few", action="store_true", help="from 32 examples, too")
    parser.add_argument("--lag", action="store_true", help="statistics that lag, too")
    parser.add_argument("only", nargs="*")
    chosen = parser.parse_args()
    found: dict[str, Found] = {}
    warnings.simplefilter("ignore")
    for member in members():
        if not file_of(member, _SEED).exists() or (chosen.only and member.name not in chosen.only):
            continue
        if chosen.kept:
            path = file_of(member, _SEED).with_suffix(".json")
            one = json.loads(path.read_text("utf-8")) if path.exists() else {}
        else:
            one = measured(member, few=chosen.few, lag=chosen.lag)
            print(member.name, file=sys.stderr, flush=True)
        if {"truth", "without", "predict"} <= one.keys():
            found[member.name] = one
    if not chosen.only:
        lines = [line.rstrip() for line in table(found)]
        output = "\n".join(lines).rstrip() + "\n"
        (_HERE / "without_data.txt").write_text(output, "utf-8")
        publish("recalibrate.md", "without data", output)


if __name__ == "__main__":
    main()
