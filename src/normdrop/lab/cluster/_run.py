"""Run trials on a cluster whose processes and nodes may die, and yield what comes of them."""

import contextlib
import logging
import os
import signal
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from normdrop.errors import NormdropError, UsageError
from normdrop.lab.cluster._address import Cluster
from normdrop.lab.cluster._node import ActorHandle, ProgressActor, train_on_node
from normdrop.lab.payload import Payload
from normdrop.lab.recipe_names import file_of, text_of
from normdrop.lab.run import Watcher
from normdrop.lab.train import versions
from normdrop.lab.trial import Outcome, Trial

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.exceptions import RayError

    Result: TypeAlias = Outcome | RayError

_SECONDS_TO_WAIT = 0.5


class ClusterTrials:
    """Trials at work on the cluster this process is connected to.

    A data set is handed to Ray once: each node that needs it fetches one copy, which all processes
    of the node read in place. A recipe that is a file goes along as its text, one
    made on the spot by value.

    Args:
        gpus: How many GPUs a trial takes.
        payload: The recipes and data sets that were handed over as values.
    """

    def __init__(self, gpus: float, payload: Payload) -> None:
        import ray

        self._at_work: dict[ObjectRef[Outcome], Trial] = {}
        self._train = ray.remote(train_on_node).options(num_cpus=1, num_gpus=gpus, max_retries=0)
        # It takes no room, and if its node is lost another begins with what the trials say next.
        actor: ActorHandle = ray.remote(ProgressActor)
        self._actor = actor.options(num_cpus=0, max_restarts=-1).remote()
        self._news: ObjectRef[dict[str, float]] = self._actor.news.remote()
        self._versions = versions()
        self._data = lru_cache(lambda name: ray.put(payload.dataset(name)))
        self._source = lru_cache(lambda name: payload.recipes.get(name) or _text(payload, name))

    def __len__(self) -> int:
        """How many trials are at work or wait for room."""
        return len(self._at_work)

    def start(self, trial: Trial) -> None:
        """Have a trial trained as soon as there is room."""
        ref = self._train.remote(
            trial, self._source(trial.recipe), self._data(trial.data), self._actor, self._versions
        )
        self._at_work[ref] = trial

    def news(self) -> list[tuple[Trial, float]]:
        """Which trials at work have got on since the last call, and their epochs done so far."""
        import ray

        if not ray.wait([self._news], timeout=0)[0]:
            return []
        told: dict[str, float] = {}
        with contextlib.suppress(ray.exceptions.RayError):  # the actor's node was lost
            told = ray.get(self._news)
        self._news = self._actor.news.remote()
        return [(t, told[t.key]) for t in self._at_work.values() if t.key in told]

    def ended(self) -> list[tuple[Trial, "Result"]]:
        """Wait a moment for trials to end; which did, with their outcomes or what befell them.

        Raises:
            UsageError: When a node cannot train any trial.
        """
        import ray

        refs, _ = ray.wait(list(self._at_work), timeout=_SECONDS_TO_WAIT)
        return [(self._at_work.pop(ref), _result(ref)) for ref in refs]

    def stop(self) -> None:
        """End what is at work: a trial that finds the actor gone goes no further.

        Ray's own way to cancel a task aborts this process when the task ends in that moment
        (ray-project/ray#54785).
        """
        import ray

        # A cluster that is lost has nothing left to end.
        with contextlib.suppress(ConnectionError, ray.exceptions.RayError):
            ray.kill(self._actor)


def _text(payload: Payload, recipe: str) -> bytes | None:
    """What stands in a recipe's file: when the run began, or now."""
    file = file_of(recipe)
    return None if file is None else payload.texts.get(recipe) or text_of(file)


def _result(ref: "ObjectRef[Outcome]") -> "Result":
    """The outcome, or how Ray lost it.

    A trial's own exceptions are in its outcome; one that gets here says that the node is unfit.
    """
    import ray

    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError as error:
        cause: Any = error.cause
        if isinstance(cause, ray.exceptions.RayError):
            return cause  # such as data that were lost on their way
        if isinstance(cause, NormdropError):
            raise cause from error
        raise UsageError(
            f"a node of the cluster cannot train ({type(cause).__name__}: {cause}); install the "
            "same normdrop there, with the extra ray"
        ) from error
    except ray.exceptions.RayError as error:
        return error


_SECONDS_TO_ANSWER = 10.0
_SECONDS_TO_HAVE_ROOM = 30.0  # nodes of an allocation that has just begun join one by one


@contextmanager
def connected(cluster: Cluster) -> Iterator[None]:
    """Be connected to the cluster, or use the connection this process has and leave it open.

    Raises:
        UsageError: When the cluster does not answer, Ray refuses the connection, or no node has
            room for a trial.
    """
    import ray

    if ray.is_initialized():
        _wait_for_room(cluster)
        yield
        return
    with _signals_kept(), _raylet_messages_off():
        try:
            _connect(cluster)
            _wait_for_room(cluster)
            yield
        finally:
            ray.shutdown()


def _connect(cluster: Cluster) -> None:
    import ray

    try:
        _ask(_resolved(cluster), through_client=cluster.through_client)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error below says what Ray warns of
            ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise UsageError(
            f"no Ray cluster at {cluster.address} ({_last_line(error)}); docs/cluster.md says how "
            "to start one"
        ) from error


def _resolved(cluster: Cluster) -> str:
    if cluster.address != "auto":
        return cluster.target
    # Private: Ray has no other way to learn what "auto" means before it waits for it for minutes.
    from ray._private.services import canonicalize_bootstrap_address

    return canonicalize_bootstrap_address("auto") or "auto"


def _ask(target: str, *, through_client: bool) -> None:
    """Make sure that Ray is there: `ray.init` waits minutes for one that is not, or for ever.

    The cluster's control service answers gRPC's standard question for its health, and the client
    server answers that it does not know that question, which tells the two apart.

    Raises:
        ConnectionError: When it does not answer, or is not what the address says.
    """
    import grpc

    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        return  # the question would need the cluster's certificates; Ray has them
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        question = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            question(b"", timeout=_SECONDS_TO_ANSWER)
        except grpc.RpcError as error:
            code = error.code()
            if code == grpc.StatusCode.UNIMPLEMENTED:
                if through_client:
                    return
                message = f"a Ray client listens there: the address would be ray://{target}"
                raise ConnectionError(message) from error
            if code == grpc.StatusCode.UNAUTHENTICATED:
                return  # Ray has the token
            reason = (
                f"no answer within {_SECONDS_TO_ANSWER:.0f} s"
                if code == grpc.StatusCode.DEADLINE_EXCEEDED
                else str(error.details()).rpartition(": ")[2]
            )
            raise ConnectionError(reason) from error
    if through_client:
        message = (
            f"not the port for clients, by default 10001: as it stands, {target} without ray://"
        )
        raise ConnectionError(message)


def _wait_for_room(cluster: Cluster) -> None:
    """Wait a while for a node that can take a trial, or say that there is none."""
    end = time.monotonic() + _SECONDS_TO_HAVE_ROOM
    while not _has_room(cluster):
        if time.monotonic() > end:
            needed = "a GPU and a core" if cluster.gpus else "a core"
            raise UsageError(f"the cluster at {cluster.address} has no node with {needed}")
        time.sleep(1)


def _has_room(cluster: Cluster) -> bool:
    import ray

    return any(
        node["Alive"]
        and node["Resources"].get("CPU", 0) >= 1
        and node["Resources"].get("GPU", 0) >= cluster.gpus
        for node in ray.nodes()  # type: ignore[no-untyped-call]  # Ray gives it no types
    )


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Give SIGTERM back to whom it belonged: `ray.init` takes it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _raylet_messages_off() -> Iterator[None]:
    """Keep what Ray says of dead workers and nodes out of standard output, where results go.

    `log_to_driver=False` does not cover these messages; the flag is private, and Ray has no other.
    """
    from ray._private import worker

    before = worker._worker_logs_enabled  # noqa: SLF001 - as the docstring says
    worker._worker_logs_enabled = False  # noqa: SLF001 - same
    try:
        yield
    finally:
        worker._worker_logs_enabled = before  # noqa: SLF001 - same


def _last_line(error: BaseException) -> str:
    """The last line of what Ray says, which of a remote traceback is the reason."""
    return str(error).strip().rpartition("\n")[2].rstrip(".")


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
