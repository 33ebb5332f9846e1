"""Batch norm as a network's own scaler, on two tables of raw measurements.

Every combination of three kinds of inputs (as they are, through a batch norm in front, or
standardised beforehand) with batch norm in the hidden layers and with dropout there.
"""

from dataclasses import replace
from itertools import product

from normdrop.lab.contrast import Contrast
from normdrop.lab.metric import TEST_LOSS, Metric
from normdrop.lab.recipe import Network, Panel, Recipe, TrialContext
from normdrop.lab.recipes._settings import number, widths
from normdrop.lab.task import REGRESSION

_INPUTS = ("raw", "bn first", "standardised")
_ORDERS = {
    "": "linear-act",
    " + bn": "linear-bn-act",
    " + drop": "linear-act-drop",
    " + bn + drop": "linear-bn-act-drop",
}
_VARIANTS = tuple(inputs + layers for inputs, layers in product(_INPUTS, _ORDERS))

ERROR = Metric(
    "rmse",
    "test error",
    "",
    "RMSE",
    "root of the mean squared error on test data: grades of wine, or MPa of concrete",
    decimals=3,
)
_LOSS = replace(TEST_LOSS, unit="variances of the training targets", meaning="test loss in them")
_TRAINING_ERROR = Metric(
    "train_rmse", "training error", "", "train RMSE", "the same on training data", decimals=3
)


def _experiment(context: TrialContext) -> dict[str, float]:
    """Train the variant on inputs as it has them; errors in the data's own units."""
    inputs, _, _ = context.variant.partition(" + ")
    if inputs == "standardised":
        settings = {**context.settings, "standardise": True}
        context = replace(context, trial=replace(context.trial, settings=settings))
    network = context.prepared(_network(context, inputs))
    *_, last = context.fit().epochs(network, context.progress)
    assert context.target_scale is not None  # noqa: S101 - the task is a regression
    unit = context.target_scale.deviation.item()
    return {
        ERROR.name: unit * last.test_loss**0.5,
        _TRAINING_ERROR.name: unit * last.train_eval_loss**0.5,
        _LOSS.name: last.test_loss,
    }


def _network(context: TrialContext, inputs: str) -> Network:
    from torch import nn

    from normdrop.lab.networks import perceptron

    network = perceptron(
        context.data.shape,
        context.outputs,
        order=_ORDERS[context.variant.removeprefix(inputs)],
        widths=widths(context.settings),
        dropout=number(context.settings, "dropout"),
    )
    if inputs == "bn first":
        (features,) = context.data.shape
        network.insert(1, nn.BatchNorm1d(features))
    return network


RECIPE = Recipe(
    name="tabular",
    version=1,
    title="Batch norm and dropout on tables",
    question="Does batch norm, in front or inside, make up for inputs that nobody standardised?",
    source="practice: regression on the tables of Cortez et al. 2009 and Yeh 1998",
    variants=_VARIANTS,
    baseline="standardised",
    data="wine",
    seeds=9,
    settings={
        "epochs": 20,
        "batch_size": 64,
        "learning_rate": 1e-2,
        "initialisation": "he",
        "limit_train": None,
        "widths": "32 32",
        "dropout": 0.2,
    },
    paper={"epochs": 200, "learning_rate": 1e-3, "widths": "256 256 256"},
    experiment=_experiment,
    dimensions=1,
    task=REGRESSION,
    endpoint=ERROR,
    metrics=(_TRAINING_ERROR, _LOSS),
    panels={"wine": Panel(data="wine"), "concrete": Panel(data="concrete")},
    contrasts=tuple(
        contrast
        for table in ("wine", "concrete")
        for contrast in (
            Contrast(
                what=f"RMSE on {table}, batch norm in front less inputs standardised beforehand",
                higher=f"a batch norm in front is worse than standardising, on {table}",
                lower=f"a batch norm in front is better than standardising, on {table}",
                weights={"bn first": 1, "standardised": -1},
                panels={table: 1},
            ),
            Contrast(
                what=(
                    f"RMSE on {table}, raw inputs with batch norm inside less standardised inputs "
                    "with it"
                ),
                higher=f"batch norm inside does not make up for raw inputs, on {table}",
                lower=(
                    "raw inputs do better than standardised ones where batch norm is inside, on "
                    f"{table}"
                ),
                weights={"raw + bn": 1, "standardised + bn": -1},
                panels={table: 1},
            ),
            Contrast(
                what=(
                    f"RMSE on {table}, standardised inputs, batch norm and dropout less batch norm "
                    "alone"
                ),
                higher=f"dropout on top of batch norm raises the error, on {table}",
                lower=f"dropout on top of batch norm lowers the error, on {table}",
                weights={"standardised + bn + drop": 1, "standardised + bn": -1},
                panels={table: 1},
            ),
        )
    ),
    notes=(
        "RMSE is in grades (wine, 0 to 10) or MPa (concrete).",
        "All variants learn standardised targets.",
        "There is no one source: --paper trains wider networks for longer.",
    ),
)
