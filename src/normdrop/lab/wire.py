"""Trials and outcomes as one line of JSON: what the store keeps and what workers say."""

import json
from dataclasses import asdict

from normdrop.lab.trial import Epoch, Outcome, Trial


def trial_line(trial: Trial) -> str:
    """A trial as one line of JSON; `read_trial` reads it back."""
    return json.dumps(asdict(trial))


def read_trial(line: str) -> Trial:
    """The trial that `trial_line` wrote."""
    return Trial(**json.loads(line))


def outcome_line(outcome: Outcome) -> str:
    """An outcome as one line of JSON; `read_outcome` reads it back, every bit of its numbers."""
    return json.dumps(asdict(outcome))


def read_outcome(line: str) -> Outcome:
    """The outcome that `outcome_line` wrote."""
    fields = json.loads(line)
    trial = Trial(**fields.pop("trial"))
    epochs = tuple(Epoch(**epoch) for epoch in fields.pop("epochs"))
    return Outcome(trial=trial, epochs=epochs, **fields)
