"""The √keep correction: dropout's outputs times √keep, so that their deviation does not grow."""

import math
from statistics import fmean
from typing import TYPE_CHECKING, cast

import numpy as np

from normdrop.lab.metric import TEST_ERROR
from normdrop.lab.recipe import Network, Panel, Recipe, Tensor, TrialContext
from normdrop.lab.recipes._misfit import MISFIT, OFFSET, RATIO, misfit, moments_of
from normdrop.lab.recipes._settings import SHORT_TRAINING
from normdrop.theory import Moments
from normdrop.verbs import measure

if TYPE_CHECKING:
    from normdrop.lab.networks import Correction

_WIDTH = 64


def _experiment(context: TrialContext) -> dict[str, float]:
    if context.dataset is not None:
        return _of_training(context)
    x = _values(context)
    return misfit(moments_of(_dropout(context)(x)), moments_of(x))


def _dropout(context: TrialContext) -> Network:
    from normdrop.lab.networks import RescaledDropout

    rate = float(context.settings["rate"] or 0.0)
    return RescaledDropout(rate, cast("Correction", context.variant))


def _values(context: TrialContext) -> Tensor:
    import torch

    x = torch.randn(int(context.settings["values"] or 0), device=context.device)
    x += float(context.settings["mean"] or 0.0)
    return x.relu() if context.settings["relu"] else x


def _of_training(context: TrialContext) -> dict[str, float]:
    """Train a perceptron with dropout between ReLU and batch norm, and measure its norms."""
    network = context.prepared(_perceptron(context))
    *_, last = context.fit().epochs(network, context.progress)
    inputs = [inputs for inputs, _ in context.training.batches(500)]
    taken = [
        misfit(
            Moments(np.asarray(layer.train_mean), np.asarray(layer.train_variance)),
            Moments(np.asarray(layer.eval_mean), np.asarray(layer.eval_variance)),
        )
        for layer in measure(network, inputs)
    ]
    values = {name: fmean(values[name] for values in taken) for name in taken[0]}
    return {**values, TEST_ERROR.name: 100 * (1 - (last.test_accuracy or 0.0))}


def _perceptron(context: TrialContext) -> Network:
    from torch import nn

    layers: list[nn.Module] = [nn.Flatten()]
    features = math.prod(context.data.shape)
    for _ in range(2):
        layers += [
            nn.Linear(features, _WIDTH),
            nn.ReLU(),
            _dropout(context),
            nn.BatchNorm1d(_WIDTH),
        ]
        features = _WIDTH
    return nn.Sequential(*layers, nn.Linear(features, context.outputs))


RECIPE = Recipe(
    name="rescale",
    version=1,
    title="Dropout times √keep",
    question="Does dropout's output times √keep have the mean and deviation of its input?",
    source="a question left open by practitioners",
    variants=("none", "sqrt-keep", "sqrt-keep-about-mean"),
    baseline="none",
    data=None,
    seeds=7,
    settings={
        **SHORT_TRAINING,
        "limit_train": None,
        "rate": 0.5,
        "values": 200_000,
        "mean": 0.0,
        "relu": False,
    },
    experiment=_experiment,
    endpoint=MISFIT,
    metrics=(OFFSET, RATIO, TEST_ERROR),
    panels={
        "zero-mean": Panel(),
        "mean-1": Panel(settings={"mean": 1.0}),
        "relu": Panel(settings={"relu": True}),
        "trained": Panel(data="digits"),
    },
    notes=(
        (
            "none is inverted dropout of rate 0.5; sqrt-keep multiplies its outputs by √0.5 in "
            "train mode; sqrt-keep-about-mean does both to the deviations from the batch's mean, "
            "channel by channel, and drops units to that mean in place of 0."
        ),
        (
            "The values are 200000 normal ones of variance 1 and mean 0 or 1, or of mean 0 behind "
            "ReLU. The panel trained has two hidden layers of 64 on 8×8 digits for 4 epochs, with "
            "dropout between ReLU and batch norm; misfit and shifts are means over the norm layers "
            "of medians over their channels. There is no source to repeat: --paper changes nothing."
        ),
        (
            "misfit is √(m² + (s − 1)²) for outputs of eval mode, normalised by the mean and "
            "deviation of train mode, that have mean m and deviation s."
        ),
    ),
)
