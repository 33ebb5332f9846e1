"""β at the start of a batch norm before sigmoid units that are to be sparse.

Units that stand at their target activity from the first step need not be driven there by the
penalty: a practitioner starts β at -3.5 and finds training faster.
"""

import math
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from normdrop.lab.metric import Metric
from normdrop.lab.recipe import Recipe, Tensor, TrialContext
from normdrop.lab.recipes._settings import number
from normdrop.lab.task import Loss, Reduction, Task

if TYPE_CHECKING:
    from normdrop.lab.networks import SparseAutoencoder

_START = -3.5

EPOCHS = Metric(
    "epochs_to_goal",
    "epochs to the goal",
    "",
    "epochs",
    "until reconstruction and sparsity are both good enough on test data",
    decimals=1,
)
_AT_START = Metric(
    "start", "activity at the start", "", "at start", "the units' before training", decimals=3
)
_ACTIVITY = Metric(
    "activity", "mean activity", "", "active", "the units' on test data, final epoch", decimals=3
)
_ERROR = Metric(
    "unexplained",
    "unexplained variance",
    "%",
    "unexplained %",
    "squared error in % of the test data's variance, final epoch",
    decimals=1,
)


def sparse_loss(activity: float, penalty: float) -> Loss:
    """Squared error per example plus `penalty` times the units' divergence from an activity.

    That is Σ KL(ρ, ρ̂) = Σ ρ·log(ρ/ρ̂) + (1-ρ)·log((1-ρ)/(1-ρ̂)) over the units, with ρ the activity
    wanted and ρ̂ a unit's mean over the batch.
    """

    def loss(
        outputs: Any,  # noqa: ANN401 - `Task` says so: here a `Coded`
        inputs: Tensor,
        _: Tensor,
        reduction: Reduction,
    ) -> Tensor:
        error = (outputs.reconstruction - inputs).square().flatten(1).sum(1).mean()
        mean = outputs.codes.mean(0)
        entropy = activity * math.log(activity) + (1 - activity) * math.log(1 - activity)
        crossed = activity * mean.log() + (1 - activity) * (-mean).log1p()
        value: Tensor = error + penalty * (entropy - crossed).sum()
        return value if reduction == "mean" else value * len(inputs)

    return loss


def _experiment(context: TrialContext) -> dict[str, float]:
    """Train to the end; note when both goals were first reached together."""
    network = _network(context)
    # a copy: looking in train mode moves the running statistics
    start = _measured(deepcopy(network), context, training=True)
    loss = sparse_loss(number(context.settings, "activity"), number(context.settings, "penalty"))
    fit = replace(context.fit(), task=replace(context.task, loss=loss))
    reached = math.inf
    now = start
    for epoch in fit.epochs(network, context.progress):
        now = _measured(network, context, training=False)
        if _good(now, context):
            reached = min(reached, float(epoch.number))
    return {
        EPOCHS.name: min(reached, fit.settings.epochs + 1.0),
        _AT_START.name: start[_ACTIVITY.name],
        **now,
    }


def _network(context: TrialContext) -> "SparseAutoencoder":
    from torch import nn

    from normdrop.lab.networks import autoencoder

    units = int(number(context.settings, "units"))
    offset = {"beta=-3.5": _START, "beta=0": 0.0}.get(context.variant)
    network = autoencoder(context.data.shape, units=units, offset=offset)
    context.prepared(network)
    if context.variant == "bias=-3.5":
        nn.init.constant_(network.encoder.bias, _START)
    return network


def _measured(
    network: "SparseAutoencoder", context: TrialContext, *, training: bool
) -> dict[str, float]:
    """Unexplained variance and mean activity over the test data."""
    import torch

    network.train(training)
    ((inputs, _),) = context.test.batches(len(context.test))
    with torch.no_grad():
        reconstruction, codes = network(inputs)
    variance = (inputs - inputs.mean(0)).square().mean()
    error = (reconstruction - inputs).square().mean()
    return {_ERROR.name: 100 * (error / variance).item(), _ACTIVITY.name: codes.mean().item()}


def _good(values: dict[str, float], context: TrialContext) -> bool:
    return values[_ERROR.name] <= number(context.settings, "goal_unexplained") and values[
        _ACTIVITY.name
    ] <= number(context.settings, "goal_activity")


RECIPE = Recipe(
    name="sparse-autoencoder",
    version=1,
    title="β at the start in a sparse autoencoder",
    question="Does β = -3.5 at the start make sigmoid units that are to be sparse learn faster?",
    source="practice: batch norm before sigmoid units with a sparsity penalty, β started at -3.5",
    variants=("beta=-3.5", "beta=0", "bias=-3.5", "no norm"),
    baseline="beta=0",
    data="digits",
    seeds=7,
    settings={
        "epochs": 40,
        "batch_size": 64,
        "learning_rate": 1e-2,
        "limit_train": None,
        "units": 64,
        "activity": 0.05,
        "penalty": 0.5,
        "goal_unexplained": 20.0,
        "goal_activity": 0.1,
    },
    paper={"epochs": 100, "batch_size": 128, "units": 256},
    paper_data="mnist",
    experiment=_experiment,
    task=Task("reconstructs", None, sparse_loss(activity=0.05, penalty=0.5)),
    endpoint=EPOCHS,
    metrics=(_ERROR, _ACTIVITY, _AT_START),
    notes=(
        "The goal: at most 20 % of the variance unexplained, with a mean activity of at most 0.1.",
        "The penalty drives the mean activity of each unit towards 0.05.",
        "A network that never reaches it counts as one epoch more than it was trained.",
        "No source is repeated: --paper is a larger network on MNIST.",
        "bias=-3.5 and no norm have no batch norm; their bias starts at -3.5 and at 0.",
    ),
)
