"""normdrop's lab as a contestant: the trials of one order, run as `normdrop compare` runs them."""

import json
import os
import resource
import sys
from dataclasses import asdict

from _protocol import Epoch

from normdrop.lab.data import load
from normdrop.lab.plan import plan
from normdrop.lab.recipe_names import find
from normdrop.lab.run import run
from normdrop.lab.trial import Outcome, Trial

JOBS = 2


class _Silent:
    """Nobody watches."""

    def advanced(self, trial: Trial, epochs: float) -> None:
        """A trial went on."""

    def ended(self, outcome: Outcome) -> None:
        """A trial ended."""


def _trials(request: dict[str, object]) -> list[Trial]:
    seeds = request["seeds"]
    planned = plan(
        find("ten-orders"),
        load("mnist"),
        name="ten-orders",
        variants=[request["order"]],
        seeds=max(seeds) + 1,
        given={"epochs": request["epochs"], "limit_train": request["images"]},
        device="cpu",
        precision=os.environ["CONTESTANT_PRECISION"],
    )
    return [trial for trial in planned if trial.seed in seeds]


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        outcomes = list(run(_trials(json.loads(line)), jobs=JOBS, watcher=_Silent()))
        # The largest worker so far: workers end with their last trial.
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        for outcome in outcomes:
            epochs = [
                asdict(Epoch(epoch.seconds, epoch.test_loss, epoch.test_accuracy))
                for epoch in outcome.epochs
            ]
            seed = outcome.trial.seed
            answers.write(json.dumps({"seed": seed, "epochs": epochs, "peak_mib": peak}) + "\n")


if __name__ == "__main__":
    _serve()
