"""The driver's side of the trials at work on a cluster."""

import contextlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from normdrop.errors import NormdropError, UsageError
from normdrop.lab.cluster._node import ActorHandle, ProgressActor, train_on_node
from normdrop.lab.payload import Payload
from normdrop.lab.recipe_names import file_of, text_of
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
