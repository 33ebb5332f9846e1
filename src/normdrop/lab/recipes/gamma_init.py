"""γ = √2 at the start of a batch norm before ReLU: what leaves ReLU then has mean square 1."""

import math
from dataclasses import replace

from normdrop.lab.metric import TEST_LOSS, TRAIN_EVAL_LOSS
from normdrop.lab.recipe import Network, Panel, Settings, Shape
from normdrop.lab.recipes._residual import SMALL, residual_recipe, three_stage_network

_SCALES = {"one": 1.0, "sqrt-2": math.sqrt(2)}


def _network(variant: str, shape: Shape, classes: int, settings: Settings) -> Network:
    from torch import nn

    built = _built(shape, classes, settings)
    for module in built.modules():
        # every one of them has a ReLU behind it
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.constant_(module.weight, _SCALES[variant])
    return built


def _built(shape: Shape, classes: int, settings: Settings) -> Network:
    from normdrop.lab.networks import perceptron

    rate = settings["rate"]
    if settings["block"] != "linear":
        return three_stage_network(shape, classes, settings, dropout=rate, position="P5")
    order = "linear-bn-act-drop" if rate else "linear-bn-act"
    widths = (64,) * 3 if settings["scale"] == "small" else (512,) * 3
    return perceptron(shape, classes, order=order, widths=widths, dropout=rate)


RECIPE = residual_recipe(
    name="gamma-init",
    version=1,
    title="γ of batch norm at the start: 1 or √2",
    question="Does batch norm before ReLU train better when its γ starts at √2?",
    source="a question left open by practitioners",
    variants=tuple(_SCALES),
    baseline="one",
    seeds=6,
    settings={**SMALL, "rate": 0.0},
    network=_network,
    metrics=(TEST_LOSS, replace(TRAIN_EVAL_LOSS, heading="train loss", narrow=True)),
    panels={
        "residual": Panel(),
        "residual-dropout": Panel(settings={"rate": 0.2}),
        "perceptron": Panel(settings={"block": "linear"}),
        "perceptron-dropout": Panel(settings={"block": "linear", "rate": 0.2}),
    },
    notes=(
        (
            "Of a standard normal value ReLU leaves half the mean square: γ = √2 makes it 1. In "
            "a pre-activation network it also doubles the variance that each branch adds."
        ),
        (
            "Dropout of rate 0.2 stands before the last weight of each branch, or behind each ReLU "
            "of the perceptron. The small setting trains a pre-activation network of 8 layers, and "
            "a perceptron of three hidden layers of 64, on 8×8 digits for 4 epochs. No source is "
            "to be repeated: --paper is PreResNet-50, and layers of 512, on CIFAR-10."
        ),
    ),
)
