"""Results as small tables that a repository keeps: enough to redo every number of a comparison.

A recipe's results are a folder of its name: `about.json` says what was compared, how and on what
versions; `trials.csv` has a row per trial with its final epoch and its measures; `curves.csv` the
mean learning curves.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from normdrop.errors import StoreError
from normdrop.lab.comparison import Comparison, ComparisonDescription
from normdrop.lab.contrast import Contrast
from normdrop.lab.metric import Metric
from normdrop.lab.recipe_names import file_of, without_code
from normdrop.lab.trial import Epoch, Outcome, Status, Trial
from normdrop.values.files import write_atomically

_FORMAT = 1
_LOSSES = ("train_loss", "train_eval_loss", "test_loss")
_EPOCH = ("epoch", *_LOSSES, "test_accuracy")
_TRIAL = ("panel", "variant", "seed", "device", "status", "message", "seconds", "environment")
_CURVE_DIGITS = 5
_MEASURED = "measured "
"""Before the name of a measure that a column of every trial has."""


def write_results(comparisons: Sequence[Comparison], folder: Path) -> Path:
    """Write a recipe's comparisons, one per panel, as `folder/<recipe>/`.

    Args:
        comparisons: All of one recipe.
        folder: Where results are kept; made if missing.

    Returns:
        The recipe's folder.

    Raises:
        NormdropError: When a file cannot be written; each is written whole or not at all.
    """
    home = folder / _recipe_name(comparisons[0].outcomes[0].trial).removesuffix(".py")
    environments = _distinct(o.versions for c in comparisons for o in c.outcomes)
    about = {
        "format": _FORMAT,
        "environments": environments,
        "panels": [_about(comparison) for comparison in comparisons],
    }
    write_atomically(home / "about.json", json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    write_atomically(home / "trials.csv", _table(_trial_rows(comparisons, environments)))
    write_atomically(home / "curves.csv", _table(_curve_rows(comparisons)))
    return home


def read_results(home: Path) -> list[Comparison]:
    """The comparisons that `write_results` wrote: the same numbers, of the final epoch alone.

    Raises:
        StoreError: When the folder holds no results, or damaged ones.
    """
    try:
        about = json.loads((home / "about.json").read_text("utf-8"))
        rows = _rows(home / "trials.csv")
        if about["format"] != _FORMAT:
            raise StoreError(f"{home}: results of format {about['format']}; this reads {_FORMAT}")
        return [_comparison(panel, rows, about["environments"]) for panel in about["panels"]]
    except (OSError, ValueError, LookupError, TypeError, csv.Error) as error:
        raise StoreError(
            f"{home}: no results of `normdrop compare --export`, or damaged ones "
            f"({type(error).__name__}: {error})"
        ) from error


def read_curves(home: Path) -> dict[tuple[str, str], list[dict[str, float]]]:
    """The mean learning curves by panel and variant: a value per loss and epoch."""
    curves: dict[tuple[str, str], list[dict[str, float]]] = {}
    for row in _rows(home / "curves.csv"):
        place = row.pop("panel"), row.pop("variant")
        curves.setdefault(place, []).append({name: float(value) for name, value in row.items()})
    return curves


def _about(comparison: Comparison) -> dict[str, Any]:
    trial = comparison.outcomes[0].trial
    return {
        "description": asdict(comparison.description),
        "level": comparison.level,
        "recipe": _recipe_name(trial),
        "recipe_version": trial.recipe_version,
        "data": trial.data,
        "data_checksum": trial.data_checksum,
        "precision": trial.precision,
        "settings": dict(trial.settings),
    }


def _recipe_name(trial: Trial) -> str:
    """The recipe's name without what the reader's machine does not have: a folder."""
    file = file_of(trial.recipe)
    return without_code(trial.recipe) if file is None else file.name


def _distinct(environments: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for environment in environments:
        if environment not in found:
            found.append(dict(environment))
    return found


def _trial_rows(
    comparisons: Sequence[Comparison], environments: Sequence[Mapping[str, str]]
) -> Iterator[Sequence[object]]:
    outcomes = [(c.description.panel, outcome) for c in comparisons for outcome in c.outcomes]
    measures = sorted({name for _, outcome in outcomes for name in outcome.measures})
    yield (*_TRIAL, *_EPOCH, *map(_column, measures))
    for panel, outcome in outcomes:
        trial = outcome.trial
        last = asdict(outcome.epochs[-1]) if outcome.epochs else {}
        yield (
            *(panel, trial.variant, trial.seed, trial.device, outcome.status, outcome.message),
            *(f"{outcome.seconds:.3g}", environments.index(dict(outcome.versions))),
            last.get("number", ""),
            *(_number(last.get(name)) for name in _EPOCH[1:]),
            *(_number(outcome.measures.get(name)) for name in measures),
        )


def _curve_rows(comparisons: Sequence[Comparison]) -> Iterator[Sequence[object]]:
    yield ("panel", "variant", "epoch", *_LOSSES)
    for comparison in comparisons:
        for variant in comparison.description.variants:
            ended = [o.epochs for o in comparison.grid.of(variant) if o.status == "finished"]
            for epochs in zip(*ended, strict=False):
                means = [np.mean([getattr(epoch, name) for epoch in epochs]) for name in _LOSSES]
                losses = (f"{mean:.{_CURVE_DIGITS}g}" for mean in means)
                yield (comparison.description.panel, variant, epochs[0].number, *losses)


def _column(measure: str) -> str:
    taken = measure in {*_TRIAL, *_EPOCH} or measure.startswith(_MEASURED)
    return f"{_MEASURED}{measure}" if taken else measure


def _number(value: float | None) -> str:
    """The shortest text that reads back as the same number."""
    return "" if value is None else repr(float(value))


def _table(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:  # line breaks in a message are its own
        return list(csv.DictReader(file))


def _comparison(
    panel: Mapping[str, Any],
    rows: Sequence[Mapping[str, str]],
    environments: Sequence[Mapping[str, str]],
) -> Comparison:
    fields = dict(panel["description"])
    fields["endpoint"] = Metric(**fields["endpoint"])
    fields["metrics"] = tuple(Metric(**metric) for metric in fields["metrics"])
    for name in ("variants", "data_notes"):
        fields[name] = tuple(fields[name])
    fields["claims"] = tuple(tuple(pair) for pair in fields.get("claims", ()))
    fields["contrasts"] = tuple(map(_contrast, fields.get("contrasts", ())))
    own = (row for row in rows if row["panel"] == fields["panel"])
    outcomes = tuple(_outcome(panel, row, environments) for row in own)
    return Comparison(ComparisonDescription(**fields), outcomes, panel["level"])


def _contrast(stored: Mapping[str, Any]) -> Contrast:
    metric = stored["metric"] and Metric(**stored["metric"])
    return Contrast(**{**stored, "metric": metric})


def _outcome(
    panel: Mapping[str, Any], row: Mapping[str, str], environments: Sequence[Mapping[str, str]]
) -> Outcome:
    trial = Trial(
        recipe=panel["recipe"],
        recipe_version=panel["recipe_version"],
        variant=row["variant"],
        data=panel["data"],
        data_checksum=panel["data_checksum"],
        seed=int(row["seed"]),
        settings=panel["settings"],
        device=row["device"],
        precision=panel["precision"],
    )
    measures = {
        name.removeprefix(_MEASURED): float(value)
        for name, value in row.items()
        if name not in {*_TRIAL, *_EPOCH} and value
    }
    versions = environments[int(row["environment"])]
    return Outcome(
        trial, _status(row), _epochs(row), float(row["seconds"]), row["message"], versions, measures
    )


def _status(row: Mapping[str, str]) -> Status:
    for status in ("finished", "diverged", "failed"):
        if row["status"] == status:
            return status
    message = f"a trial has status {row['status']!r}"
    raise ValueError(message)


def _epochs(row: Mapping[str, str]) -> tuple[Epoch, ...]:
    if not row["epoch"]:
        return ()
    accuracy = float(row["test_accuracy"]) if row["test_accuracy"] else None
    losses = {name: float(row[name]) for name in _LOSSES}
    return (Epoch(int(row["epoch"]), **losses, test_accuracy=accuracy, seconds=math.nan),)
