"""From passes to shifts: train mode, then eval mode with those statistics, on given inputs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from normdrop.shift import LayerShift, Method, ShiftReport
from normdrop.torch._passes import Arguments, Passes, Statistics, averages
from normdrop.torch._tape import Tape

_EXPLAINED = 0.005
_SMALLEST_SHARE = 0.01


@dataclass(frozen=True)
class Shifts:
    """What train and eval mode are at every norm layer.

    Attributes:
        train: Statistics that eval mode normalises by.
        eval: Statistics in eval mode.
        error: Standard error of log Δ over passes; NaN from a single one.
    """

    train: Statistics
    eval: Statistics
    error: Mapping[str, float]


def shifts(passes: Passes, batches: Sequence[Arguments], repeats: int) -> Shifts:
    """Train mode `repeats` times over every batch, then eval mode once with those statistics.

    Later norm layers see what earlier ones make of the substituted statistics, as they do in a
    trained model; both sides see the same inputs.
    """
    with torch.no_grad():
        trains = [
            passes.train(batch, index * repeats + repeat)
            for index, batch in enumerate(batches)
            for repeat in range(repeats)
        ]
        train = averages(trains)
        evals = [passes.evaluate(batch, train) for batch in batches]
    evaluated = averages(evals)
    pairs = [(evals[index // repeats], one) for index, one in enumerate(trains)]
    error = {
        path: _standard_error([_log_ratio(e, t, path) for e, t in pairs]) for path in evaluated
    }
    return Shifts(train, evaluated, error)


def causes(passes: Passes, batches: Sequence[Arguments]) -> dict[str, dict[str, float]]:
    """Every noise layer's share of every norm layer's log Δ, by switching them off one at a time.

    A share is how much log Δ, averaged over the batches, shrinks without the layer, normalised over
    the layers that make it larger. The other layers make the same noise each time.
    """
    with torch.no_grad():
        found = [_one_by_one(passes, batch, seed) for seed, batch in enumerate(batches)]
    layers = dict.fromkeys(layer for _, without in found for layer in without)
    return {
        path: _shares(
            _mean([logs[path] for logs, _ in found if path in logs]),
            {
                layer: _mean([one[layer][path] for _, one in found if path in one.get(layer, {})])
                for layer in layers
            },
        )
        for path in dict.fromkeys(path for logs, _ in found for path in logs)
    }


def _one_by_one(
    passes: Passes, inputs: Arguments, seed: int
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Log Δ per norm layer with all noise layers on, and without each of them."""
    train_tape, eval_tape = Tape(), Tape()
    whole = passes.train(inputs, seed, tape=train_tape)
    evaluated = passes.evaluate(inputs, whole, (eval_tape, whole))
    logs = {path: _log_ratio(evaluated, whole, path) for path in evaluated}
    without: dict[str, dict[str, float]] = {}
    for layer in list(passes.noise.layers):
        train = passes.train(inputs, seed, layer, train_tape)
        seen = passes.evaluate(inputs, train, (eval_tape, whole))
        without[layer] = {path: _log_ratio(seen, train, path) for path in seen}
    return logs, without


def report(
    found: Shifts,
    blame: Mapping[str, Mapping[str, float]],
    method: Method,
    notes: Sequence[str] = (),
) -> ShiftReport:
    """The shifts as a report."""
    layers = [
        LayerShift(
            path,
            method,
            eval_mean=_numpy(found.eval[path].mean),
            eval_variance=_numpy(found.eval[path].variance),
            train_mean=_numpy(found.train[path].mean),
            train_variance=_numpy(found.train[path].variance),
            causes=blame.get(path, {}),
            error=found.error[path] if math.isfinite(found.error[path]) else None,
        )
        for path in found.eval
    ]
    return ShiftReport(layers, method, tuple(notes))


def _shares(log_shift: float, without: Mapping[str, float]) -> dict[str, float]:
    if not abs(log_shift) > _EXPLAINED:
        return {}
    sign = math.copysign(1.0, log_shift)
    part = {layer: max(0.0, sign * (log_shift - value)) for layer, value in without.items()}
    total = sum(part.values())
    kept = {k: v for k, v in part.items() if total > 0 and v > _SMALLEST_SHARE * total}
    ordered = sorted(kept.items(), key=lambda item: -item[1])
    return {layer: value / sum(kept.values()) for layer, value in ordered}


def _log_ratio(evaluated: Statistics, train: Statistics, path: str) -> float:
    top, bottom = evaluated[path].variance.mean().item(), train[path].variance.mean().item()
    return math.log(top / bottom) if top > 0 and bottom > 0 else math.nan


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _standard_error(values: Sequence[float]) -> float:
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        return math.nan
    return float(torch.tensor(values, dtype=torch.float64).std() / math.sqrt(len(values)))


def _numpy(tensor: torch.Tensor) -> Any:  # noqa: ANN401 - a float64 array
    return tensor.cpu().numpy()
