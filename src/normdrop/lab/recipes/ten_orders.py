"""The ten orders of conv, batch norm, activation, dropout and pooling, on digits.

The much-read table has one run of each order. Here every order is trained from the same initial
weights and batches, once per seed, so that a difference can be told from chance.
"""

from typing import Literal

from normdrop.lab.contrast import Contrast
from normdrop.lab.measures import PRICE, price
from normdrop.lab.metric import TEST_ACCURACY, TRAIN_EVAL_LOSS, TRAIN_LOSS
from normdrop.lab.recipe import Network, Recipe, Settings, Shape
from normdrop.lab.recipes._settings import number

# Test losses after 20 epochs, one run per order.
_PUBLISHED = {
    "conv-drop-bn-act-pool": 0.03238215297460556,
    "conv-bn-act-drop-pool": 0.038886815309524536,
    "conv-bn-act-pool-drop": 0.04126095026731491,
    "conv-act-drop-bn-pool": 0.04261355847120285,
    "conv-drop-act-pool-bn": 0.04722036048769951,
    "conv-drop-act-bn-pool": 0.04827788099646568,
    "conv-act-bn-pool-drop": 0.04911309853196144,
    "conv-act-drop-pool-bn": 0.050065308809280396,
    "conv-bn-drop-act-pool": 0.05142546817660332,
    "conv-act-bn-drop-pool": 0.06809622049331665,
}


def _network(variant: str, shape: Shape, classes: int, settings: Settings) -> Network:
    from normdrop.lab.networks import two_modules

    padding: Literal["same", "valid"] = "same" if settings["padding"] == "same" else "valid"
    momentum = number(settings, "norm_momentum")
    return two_modules(variant, shape, classes, padding=padding, momentum=momentum)


RECIPE = Recipe(
    name="ten-orders",
    version=2,
    title="Ten orders of conv, norm, activation, dropout and pooling",
    question="In which order do a convolution, batch norm, activation, dropout and pooling go?",
    source="answer to “Ordering of batch normalization and dropout?”, Stack Overflow 39691902",
    variants=tuple(_PUBLISHED),
    baseline="conv-bn-act-drop-pool",
    data="digits",
    seeds=11,  # the fewest at which any of the 45 pairs can differ at 5 % under Holm
    settings={
        "epochs": 20,
        "batch_size": 128,
        "learning_rate": 1e-3,
        "padding": "valid",
        "norm_momentum": 0.01,  # torch's convention; Keras calls it 0.99
    },
    # 8×8 images leave nothing of two unpadded convolutions with pooling. And 1442 images make so
    # few batches that at momentum 0.01 the running statistics would lag far behind the weights.
    by_data={"digits": {"padding": "same", "batch_size": 32, "epochs": 5, "norm_momentum": 0.1}},
    paper={"padding": "valid", "batch_size": 128, "epochs": 20, "norm_momentum": 0.01},
    paper_data="mnist",
    network=_network,
    measure=price,
    metrics=(TEST_ACCURACY, PRICE, TRAIN_LOSS, TRAIN_EVAL_LOSS),
    any_order=True,
    dimensions=3,
    published_runs=1,
    paper_is_source=True,
    published={"test_loss": _PUBLISHED},
    published_label="MNIST, 20 epochs, one run each",
    contrasts=(
        Contrast(
            what=(
                "test loss, dropout directly before batch norm less dropout behind everything, "
                "norm before the activation"
            ),
            higher="dropout directly before batch norm costs test loss",
            lower="dropout directly before batch norm lowers the test loss",
            weights={"conv-drop-bn-act-pool": 1, "conv-bn-act-pool-drop": -1},
            margin=0.005,
            none=(
                "dropout directly before batch norm makes no difference to speak of, on this "
                "network and data"
            ),
        ),
        Contrast(
            what=(
                "test loss, dropout before max pooling less behind it, mean of norm before and "
                "after the activation"
            ),
            higher="dropout directly before max pooling costs test loss",
            lower="dropout directly before max pooling lowers the test loss",
            weights={
                "conv-bn-act-drop-pool": 0.5,
                "conv-act-bn-drop-pool": 0.5,
                "conv-bn-act-pool-drop": -0.5,
                "conv-act-bn-pool-drop": -0.5,
            },
            margin=0.005,
        ),
        Contrast(
            what=(
                "test loss, norm after the activation less before it, mean of dropout before and "
                "behind the pooling"
            ),
            higher="batch norm after the activation costs test loss",
            lower="batch norm after the activation lowers the test loss",
            weights={
                "conv-act-bn-drop-pool": 0.5,
                "conv-act-bn-pool-drop": 0.5,
                "conv-bn-act-drop-pool": -0.5,
                "conv-bn-act-pool-drop": -0.5,
            },
            margin=0.005,
        ),
    ),
    notes=(
        (
            "On digits, which are 8×8, the convolutions pad (same), batches have 32 images and the "
            "norms momentum 0.1; elsewhere they do not pad, batches have 128 and momentum is 0.01, "
            "Keras' default. The source states neither batch size nor input scaling; ours is "
            "[0, 1]."
        ),
    ),
)
