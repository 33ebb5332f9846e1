"""Trials and outcomes as one line of JSON: what the store keeps and what workers say."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from normdrop.lab.trial import Epoch, Outcome, Trial


def trials_line(trials: Sequence[Trial]) -> str:
    """Trials as one line of JSON; `read_trials` reads them back."""
    return json.dumps([asdict(trial) for trial in trials])


def read_trials(line: str) -> list[Trial]:
    """The trials that `trials_line` wrote."""
    return [Trial(**fields) for fields in json.loads(line)]


def outcome_line(outcome: Outcome) -> str:
    """An outcome as one line of JSON; `read_outcome` reads it back, every bit of its numbers."""
    return json.dumps(asdict(outcome))


def read_outcome(line: str) -> Outcome:
    """The outcome that `outcome_line` wrote."""
    fields = json.loads(line)
    trial = Trial(**fields.pop("trial"))
    epochs = tuple(Epoch(**epoch) for epoch in fields.pop("epochs"))
    return Outcome(trial=trial, epochs=epochs, **fields)
