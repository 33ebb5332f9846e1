"""A comparison as JSON has it."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from normdrop.lab.comparison._results import Results, settings_used, versions_used
from normdrop.lab.comparison._sentences import sentences
from normdrop.lab.comparison._summary import VariantSummary
from normdrop.lab.trial import Outcome


def record(results: Results) -> dict[str, Any]:
    """Everything a reader needs to check or redo the comparison; NaN becomes None."""
    trial = results.outcomes[0].trial
    names = [summary.name for summary in results]
    pairs = results.analysis.pairs
    endpoint = results.description.endpoint.name
    whole = {
        "description": asdict(results.description),
        "level": results.level,
        "recipe": trial.recipe,
        "recipe_version": trial.recipe_version,
        "data": {"name": trial.data, "checksum": trial.data_checksum},
        "precision": trial.precision,
        "devices": sorted({outcome.trial.device for outcome in results.outcomes}),
        "settings": settings_used(results),
        "versions": versions_used(results),
        "ranking": [_row(summary, endpoint) for summary in results],
        "pairs": [
            {
                "first": names[row],
                "second": names[column],
                "difference": float(pairs.difference[row, column]),
                "p": float(pairs.p[row, column]),
                "seeds": int(pairs.seeds[row, column]),
            }
            for row in range(len(names))
            for column in range(row + 1, len(names))
        ],
        "groups": [[names[row] for row in group] for group in results.analysis.groups],
        "sentences": sentences(results),
        "trials": [_trial(outcome) for outcome in results.outcomes],
    }
    return {name: _plain(value) for name, value in whole.items()}


def _row(summary: VariantSummary, endpoint: str) -> dict[str, Any]:
    """A summary's fields, with the endpoint and each metric under its own name."""
    fields = asdict(summary)
    means = {endpoint: fields.pop("endpoint"), **fields.pop("metrics")}
    return {**fields, **means, "mean_rank": summary.mean_rank}


def _trial(outcome: Outcome) -> dict[str, Any]:
    return {
        "variant": outcome.trial.variant,
        "seed": outcome.trial.seed,
        "key": outcome.trial.key,
        "device": outcome.trial.device,
        "status": outcome.status,
        "message": outcome.message,
        "seconds": outcome.seconds,
        "epochs": [asdict(epoch) for epoch in outcome.epochs],
        "measures": dict(outcome.measures),
    }


def _plain(value: object) -> object:
    """The same value of JSON's own types alone."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
