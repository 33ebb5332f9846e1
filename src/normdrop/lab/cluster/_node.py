"""What runs on the cluster's nodes, in Ray's processes: a trial, and the actor for its progress."""

import contextlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from normdrop.errors import UsageError
from normdrop.lab.data import Dataset
from normdrop.lab.recipe import Recipe
from normdrop.lab.recipe_names import from_text, without_code
from normdrop.lab.trial import Outcome, Trial
from normdrop.lab.worker import keep_freed_memory, now_and_then

if TYPE_CHECKING:
    from ray import ObjectRef

# Ray's types do not know which methods an actor has.
ActorHandle: TypeAlias = Any


class ProgressActor:
    """Where trials say how far they are, and the driver reads it."""

    def __init__(self) -> None:
        self._epochs: dict[str, float] = {}

    def asked_for(self) -> None:
        """Whoever gets an answer has a driver that waits for it."""

    def advanced(self, key: str, epochs: float) -> None:
        """The trial of that key has so many epochs behind it."""
        self._epochs[key] = epochs

    def news(self) -> dict[str, float]:
        """What was said since the last call."""
        epochs, self._epochs = self._epochs, {}
        return epochs


def train_on_node(
    trial: Trial,
    source: Recipe | bytes | None,
    dataset: Dataset | None,
    actor: ActorHandle,
    versions: Mapping[str, str],
) -> Outcome:
    """Train one trial as a local worker would, with one thread.

    Args:
        trial: What to train.
        source: What stands in the recipe's file, if it is a file of the driver's; the recipe
            itself, if it was handed over as a value.
        dataset: The data set the trial names, in memory that it must not write.
        actor: Where to report progress; once it is taken down nobody waits for the trial.
        versions: The driver's packages.

    Raises:
        UsageError: When this node's packages are others than the driver's.
    """
    import torch

    from normdrop.lab.train import train

    _check(versions)
    _tell(actor.asked_for.remote())
    torch.set_num_threads(1)  # as many trials as cores
    keep_freed_memory()
    report = now_and_then(lambda done: _tell(actor.advanced.remote(trial.key, done)))
    recipe = source if isinstance(source, Recipe) else None
    if isinstance(source, bytes):
        recipe = from_text(source, Path(without_code(trial.recipe)))
    with warnings.catch_warnings():
        # The node's trials share one copy of the data; none of them writes it.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return train(trial, dataset, report, recipe=recipe)


def _tell(heard: "ObjectRef[None]") -> None:
    """Wait until the actor has heard.

    Raises:
        RayError: When it was taken down; not while Ray starts it again on another node.
    """
    import ray

    with contextlib.suppress(ray.exceptions.ActorUnavailableError):
        ray.get(heard)


def _check(versions: Mapping[str, str]) -> None:
    """Refuse to mix results of different packages under the same keys."""
    from normdrop.lab.train import versions as versions_here

    here = versions_here()
    for package, wanted in versions.items():
        # A build for another accelerator is the same version; Ray itself compares Python's.
        if package != "python" and _public(here[package]) != _public(wanted):
            raise UsageError(
                f"a node of the cluster has {package} {here[package]}, this process {wanted}; "
                "install the same on every node"
            )


def _public(version: str) -> str:
    return version.partition("+")[0]
