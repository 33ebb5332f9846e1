"""Two rival schemes, conv-bn-act-drop and conv-act-drop-bn, with and without their dropout.

Too few examples for too many epochs: does the loss on new examples rise again while that on the
training examples falls, and which scheme, or which dropout, prevents it?
"""

from dataclasses import replace

from normdrop.lab.contrast import Contrast
from normdrop.lab.measures import PRICE
from normdrop.lab.metric import TEST_ACCURACY, TEST_LOSS, TRAIN_EVAL_LOSS, TRAIN_LOSS
from normdrop.lab.recipe import Recipe
from normdrop.lab.recipes import ten_orders
from normdrop.lab.recipes._turning_point import (
    BEST_EPOCH,
    RISE,
    TRAIN_RISE,
    turning_point_and_price,
)

_VARIANTS = (
    "conv-bn-act-pool",
    "conv-act-bn-pool",
    "conv-bn-act-drop-pool",
    "conv-act-drop-bn-pool",
)
_ORDERS = ten_orders.RECIPE.published[TEST_LOSS.name]


RECIPE = Recipe(
    name="schemes",
    version=2,
    title="Two schemes with and without dropout",
    question="Does the test loss rise while the training loss falls, in either scheme?",
    source=ten_orders.RECIPE.source,
    variants=_VARIANTS,
    baseline="conv-bn-act-drop-pool",
    data="digits",
    seeds=8,
    settings={
        "epochs": 30,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "padding": "same",
        "norm_momentum": 0.1,
        "limit_train": 200,
    },
    paper={
        "epochs": 20,
        "batch_size": 128,
        "padding": "valid",
        "norm_momentum": 0.01,
        "limit_train": None,
    },
    paper_data="mnist",
    network=ten_orders.RECIPE.network,
    measure=turning_point_and_price,
    curves=True,
    dimensions=3,
    metrics=(
        RISE,
        TRAIN_RISE,
        BEST_EPOCH,
        replace(TRAIN_EVAL_LOSS, heading="train", decimals=4, narrow=True),
        replace(TRAIN_LOSS, heading="train, train mode"),
        replace(PRICE, narrow=False),
        replace(TEST_ACCURACY, narrow=False),
    ),
    published_runs=1,
    paper_is_source=True,
    published={TEST_LOSS.name: {name: _ORDERS[name] for name in _VARIANTS if name in _ORDERS}},
    published_label=ten_orders.RECIPE.published_label,
    claims=(
        ("conv-bn-act-drop-pool", "conv-bn-act-pool"),
        ("conv-act-drop-bn-pool", "conv-act-bn-pool"),
    ),
    contrasts=(
        Contrast(
            what="rise of the test loss with dropout behind the norm",
            higher="the test loss rises late in training with dropout behind the norm",
            lower="the test loss still falls late in training with dropout behind the norm",
            weights={"conv-bn-act-drop-pool": 1},
            metric=RISE,
            alike=False,
        ),
        Contrast(
            what="rise of the test loss with dropout before the norm",
            higher="the test loss rises late in training with dropout before the norm",
            lower="the test loss still falls late in training with dropout before the norm",
            weights={"conv-act-drop-bn-pool": 1},
            metric=RISE,
            alike=False,
        ),
        Contrast(
            what="rise of the test loss, dropout before the norm less behind it",
            higher="the test loss rises more with dropout before the norm",
            lower="the test loss rises less with dropout before the norm",
            weights={"conv-act-drop-bn-pool": 1, "conv-bn-act-drop-pool": -1},
            metric=RISE,
        ),
        Contrast(
            what="test loss, with dropout less without, mean of both schemes",
            higher="dropout raises the test loss on so few images",
            lower="dropout lowers the test loss on so few images",
            weights={
                "conv-bn-act-drop-pool": 0.5,
                "conv-act-drop-bn-pool": 0.5,
                "conv-bn-act-pool": -0.5,
                "conv-act-bn-pool": -0.5,
            },
        ),
    ),
    notes=(
        (
            "The source also says that without dropout the network converges faster and "
            "generalises worse: a higher test loss."
        ),
        "The network is that of ten-orders, with dropout rates 0.2 and 0.3.",
        "The small setting trains it on 200 digits, few enough to be learned by heart.",
        "train: training loss in eval mode. Lowest: the epoch of the lowest test loss.",
        (
            "rise and train rise: test loss, and training loss in eval mode, over the last third "
            "of the epochs less that over the third before it. Above zero the loss rises."
        ),
    ),
)
