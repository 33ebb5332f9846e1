"""Run trials on a cluster whose processes and nodes may die, and yield what comes of them."""

from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from normdrop.errors import NormdropError
from normdrop.lab.cluster._address import Cluster
from normdrop.lab.cluster._connection import connected
from normdrop.lab.cluster._trials import ClusterTrials
from normdrop.lab.payload import Payload
from normdrop.lab.run import Watcher
from normdrop.lab.trial import Outcome, Trial

if TYPE_CHECKING:
    from ray.exceptions import RayError

_ATTEMPTS = 3  # as many as a trial has here
_NODES = 10  # a lost node is rarely the trial's fault


def run_on(
    cluster: Cluster,
    trials: Iterable[Trial],
    *,
    jobs: int | None,
    watcher: Watcher,
    payload: Payload | None = None,
) -> Generator[Outcome, None, None]:
    """Train the trials on a cluster; yield outcomes as they come.

    A trial whose process dies (killed, out of memory) is started again, three times in all; one
    whose node is lost is started on another, ten times in all; then it has failed. What is at work
    is cancelled when the iterator is closed, and ends when the driver dies, however it dies.

    Args:
        cluster: Where, and how much of it a trial takes.
        trials: What to train.
        jobs: How many at a time; as many as the cluster has room for by default.
        watcher: Who wants to know.
        payload: The recipes and data sets that were handed over as values, if any were.

    Raises:
        UsageError: When the cluster does not answer, has no room for a trial, or its nodes lack
            normdrop or have other versions.
        NormdropError: When the cluster is lost.
    """
    with connected(cluster), _loss_explained(cluster):
        waiting = deque(trials)
        running = ClusterTrials(cluster.gpus, payload or Payload())
        faults = _Faults()
        try:
            while waiting or len(running):
                while waiting and (jobs is None or len(running) < jobs):
                    running.start(waiting.popleft())
                for trial, result in running.ended():
                    outcome = result if isinstance(result, Outcome) else faults.last(trial, result)
                    if outcome is None:
                        waiting.appendleft(trial)
                        continue
                    watcher.ended(outcome)
                    yield outcome
                for trial, epochs in running.news():
                    watcher.advanced(trial, epochs)
        finally:
            running.stop()


class _Faults:
    """What has befallen each trial: deaths of its own process, and losses of the node under it."""

    def __init__(self) -> None:
        self._deaths: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()

    def last(self, trial: Trial, fault: "RayError") -> Outcome | None:
        """The outcome, if this fault was one too many; none if the trial has another try."""
        from ray.exceptions import OutOfMemoryError, WorkerCrashedError

        if isinstance(fault, WorkerCrashedError | OutOfMemoryError):
            self._deaths[trial.key] += 1
            if self._deaths[trial.key] < _ATTEMPTS:
                return None
            what = f"its process died {_ATTEMPTS} times"
        else:
            self._losses[trial.key] += 1
            if self._losses[trial.key] < _NODES:
                return None
            what = f"the cluster lost it {_NODES} times"
        reason = str(fault).strip().partition("\n")[0]
        return Outcome(trial, "failed", (), 0.0, f"{what}, at last so: {reason}")


@contextmanager
def _loss_explained(cluster: Cluster) -> Iterator[None]:
    try:
        yield
    except ConnectionError as error:
        raise NormdropError(
            f"the Ray cluster at {cluster.address} was lost ({error}); what has been trained is "
            "kept, and the same command goes on from there"
        ) from error
