"""Run one trial: a trial and its data in, its outcome out."""

import platform
import time
from collections.abc import Mapping
from importlib.metadata import version

import torch
from torch import nn

from normdrop.errors import RecipeError
from normdrop.lab.context import Trained, TrialContext
from normdrop.lab.data import Dataset
from normdrop.lab.fit import Diverged, Progress
from normdrop.lab.recipe import Recipe
from normdrop.lab.recipe_names import find
from normdrop.lab.trial import Epoch, Outcome, Status, Trial


def train(
    trial: Trial,
    dataset: Dataset | None,
    progress: Progress = lambda _: None,
    *,
    recipe: Recipe | None = None,
) -> Outcome:
    """Train the network the trial describes and measure it after every epoch.

    A recipe with an experiment of its own runs that instead. The same trial gives the same outcome,
    on a CPU with one thread bit for bit (what is a time aside). Trials of one seed share initial
    weights where shapes agree, and the order of the batches. The global random state is left as it
    was.

    Args:
        trial: What to train.
        dataset: The data set the trial names; `None` where it names none.
        progress: Called after every batch with the epochs done so far, fractions included.
        recipe: The trial's recipe; found by its name if left out.

    Returns:
        The outcome: `finished`; `diverged`, with the epochs before a batch's loss was not finite;
        or `failed`, with the exception a network raised as its message.
    """
    start = time.perf_counter()
    epochs: list[Epoch] = []
    measures: Mapping[str, float] = {}
    status: Status = "finished"
    message = ""
    device = torch.device(trial.device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            found = recipe_of(trial, recipe)
            context = TrialContext(trial, found.task, dataset, progress)
            measures = _run(found, context, epochs)
        except Diverged as error:
            status, message = "diverged", str(error)
        except broken_device():
            raise  # nothing runs on the device from here on but in another process
        except Exception as error:  # noqa: BLE001 - whatever a network raises is its outcome
            status, message = "failed", f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    return Outcome(trial, status, tuple(epochs), seconds, message, versions(), measures)


def recipe_of(trial: Trial, given: Recipe | None = None) -> Recipe:
    """The recipe a trial names, or the one at hand.

    Raises:
        RecipeError: When it is of another version by now.
    """
    recipe = given or find(trial.recipe)
    if recipe.version != trial.recipe_version:
        raise RecipeError(
            f"recipe {recipe.name} is of version {recipe.version} by now, and this run began with "
            f"version {trial.recipe_version}; start it again"
        )
    return recipe


def broken_device() -> tuple[type[BaseException], ...]:
    """What torch raises when a device is no longer usable, where this torch tells it apart."""
    found = getattr(torch, "AcceleratorError", None)
    return (found,) if isinstance(found, type) else ()


def versions() -> dict[str, str]:
    """The versions of what decides a trial's result."""
    packages = {name: version(name) for name in ("normdrop", "torch", "numpy")}
    return {"python": platform.python_version(), **packages}


def _run(recipe: Recipe, context: TrialContext, epochs: list[Epoch]) -> Mapping[str, float]:
    """Train, add what every epoch left behind to `epochs`, and take the recipe's measures."""
    if recipe.experiment is not None:
        torch.manual_seed(context.seed)
        return {name: float(value) for name, value in recipe.experiment(context).items()}
    network = network_of(recipe, context)
    epochs.extend(context.fit().epochs(network, context.progress))
    return measures_of(recipe, Trained(context, network, tuple(epochs)))


def network_of(recipe: Recipe, context: TrialContext) -> nn.Module:
    """The variant's network with the initial weights of the seed.

    Also those that `initialise` leaves as the network's constructor drew them.
    """
    torch.manual_seed(context.seed)
    shape, settings = context.data.shape, context.settings
    return context.prepared(recipe.build(context.variant, shape, context.outputs, settings))


def measures_of(recipe: Recipe, trained: Trained) -> Mapping[str, float]:
    """The recipe's own numbers of a trained network, whatever numbers they come as."""
    if recipe.measure is None:
        return {}
    return {name: float(value) for name, value in recipe.measure(trained).items()}
