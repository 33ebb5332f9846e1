"""The driver of a comparison: it alone writes the store, and has the rest trained."""

import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib

from normdrop.errors import StoreWarning
from normdrop.lab.cluster import Cluster, run_on
from normdrop.lab.payload import Payload
from normdrop.lab.progress import watcher
from normdrop.lab.run import Watcher, run
from normdrop.lab.store import Store
from normdrop.lab.trial import Outcome, Trial


@dataclass(frozen=True)
class Execution:
    """Where trials are trained.

    Attributes:
        jobs: How many at a time; as many as there is room for by default.
        cluster: On which cluster; here by default.
        payload: The recipes and data sets that were handed over as values.
        stackable: Whether a GPU may train all seeds of a variant at once: an experiment's seeds
            have nothing to stack.
    """

    jobs: int | None = None
    cluster: Cluster | None = None
    payload: Payload = field(default_factory=Payload)
    stackable: bool = True


def train_all(
    trials: Sequence[Trial], store: Path, execution: Execution, *, progress: bool
) -> dict[str, Outcome]:
    """The outcomes of trials by key: from the store what it has, the rest trained and kept now.

    A trial that failed before is tried again; one that diverged would diverge again.
    """
    with Store(store) as kept:
        distinct = {trial.key: trial for trial in trials}
        found = {key: kept.get(trial) for key, trial in distinct.items()}
        if kept.damaged:
            warnings.warn(_damaged(kept), StoreWarning, stacklevel=2)
        done = {key: outcome for key, outcome in found.items() if outcome is not None}
        rest = [
            trial
            for key, trial in distinct.items()
            if key not in done or done[key].status == "failed"
        ]
        with (
            watcher(rest, shown=progress) as watching,
            closing(_run(rest, execution, watching)) as outcomes,
        ):
            for outcome in outcomes:
                kept.put(outcome)
                done[outcome.trial.key] = outcome
    return done


def _damaged(store: Store) -> str:
    """Which outcomes are damaged, and what becomes of them."""
    named = ", ".join(f"{each.variant} with seed {each.seed}" for each in store.damaged[:3])
    more = f" and {len(store.damaged) - 3} more" if len(store.damaged) > 3 else ""  # noqa: PLR2004 - as many as fit
    return f"{store.path}: what was kept of {named}{more} is damaged, and is trained again"


def _run(
    trials: Sequence[Trial], execution: Execution, watching: Watcher
) -> Generator[Outcome, None, None]:
    """Train the trials here, or on the cluster; nowhere if there are none."""
    if not trials:
        return
    jobs, payload, first = execution.jobs, execution.payload, trials[0]
    if execution.cluster is not None:
        yield from run_on(execution.cluster, trials, jobs=jobs, watcher=watching, payload=payload)
        return
    on_processor = first.device == "cpu"
    with _written(payload) as path:
        yield from run(
            trials,
            jobs=jobs or (joblib.cpu_count() if on_processor else 1),
            watcher=watching,
            payload=path,
            seeds_at_once=not on_processor and execution.stackable,
        )


@contextmanager
def _written(payload: Payload) -> Iterator[Path | None]:
    """The payload as a file for as long as workers may read it; none if nothing was handed over."""
    if not payload:
        yield None
        return
    with TemporaryDirectory(prefix="normdrop-") as folder:
        path = Path(folder) / "payload"
        payload.write(path)
        yield path
