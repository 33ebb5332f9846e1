"""A comparison as JSON has it."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from normdrop.lab.comparison._comparison import Comparison
from normdrop.lab.comparison._summary import VariantSummary
from normdrop.lab.trial import Outcome


def record(comparison: Comparison) -> dict[str, Any]:
    """Everything a reader needs to check or redo the comparison; NaN becomes None."""
    trial = comparison.outcomes[0].trial
    names = [summary.name for summary in comparison]
    pairs = comparison.analysis.pairs
    endpoint = comparison.description.endpoint.name
    whole = {
        "description": asdict(comparison.description),
        "level": comparison.level,
        "recipe": trial.recipe,
        "recipe_version": trial.recipe_version,
        "data": {"name": trial.data, "checksum": trial.data_checksum},
        "precision": trial.precision,
        "devices": sorted({outcome.trial.device for outcome in comparison.outcomes}),
        "settings": settings(comparison),
        "versions": versions(comparison),
        "ranking": [_row(summary, endpoint) for summary in comparison],
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
        "groups": [[names[row] for row in group] for group in comparison.analysis.groups],
        "sentences": comparison.sentences(),
        "trials": [_trial(outcome) for outcome in comparison.outcomes],
    }
    return {name: _plain(value) for name, value in whole.items()}


def _row(summary: VariantSummary, endpoint: str) -> dict[str, Any]:
    """A summary's fields, with the endpoint and each metric under its own name."""
    fields = asdict(summary)
    means = {endpoint: fields.pop("endpoint"), **fields.pop("metrics")}
    return {**fields, **means, "mean_rank": summary.mean_rank}


def settings(comparison: Comparison) -> dict[str, list[Any]]:
    """Every setting with the distinct values it took, in order of appearance."""
    return _distinct([outcome.trial.settings for outcome in comparison.outcomes])


def versions(comparison: Comparison) -> dict[str, list[Any]]:
    """Every library with the distinct versions the trials ran on."""
    return _distinct([outcome.versions for outcome in comparison.outcomes])


def _distinct(mappings: list[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = sorted({name for mapping in mappings for name in mapping})
    return {
        name: list(dict.fromkeys(mapping[name] for mapping in mappings if name in mapping))
        for name in names
    }


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
