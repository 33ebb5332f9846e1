"""Batch norm before or after the activation, or none, for one activation after another.

The benchmark that is quoted most (CaffeNet, ImageNet at 128 pixels, single runs) has batch norm
better after ReLU than before it; its own GoogLeNet has it the other way round, and best without.
"""

from normdrop.lab.contrast import Contrast
from normdrop.lab.measures import PRICE, price
from normdrop.lab.metric import TEST_ERROR, TEST_LOSS, TRAIN_EVAL_LOSS, TRAIN_LOSS
from normdrop.lab.recipe import Network, Panel, Recipe, Settings, Shape
from normdrop.lab.recipes._settings import LONG_TRAINING, number, widths, word

_ORDERS = {"none": "conv-act", "before": "conv-bn-act", "after": "conv-act-bn"}

# Accuracies as they are printed; CaffeNet's with scale and bias, which our norms have too.
_CAFFENET = {"before": 0.478, "after": 0.493}
_GOOGLENET = {"none": 0.619, "before": 0.607, "after": 0.596}


def _errors(accuracies: dict[str, float]) -> dict[str, dict[str, float]]:
    """Test errors in % by variant, as `published` has them."""
    return {TEST_ERROR.name: {name: 100 * (1 - value) for name, value in accuracies.items()}}


def _network(variant: str, shape: Shape, classes: int, settings: Settings) -> Network:
    from normdrop.lab.networks import convolutional_network

    blocks = int(number(settings, "blocks"))
    return convolutional_network(
        shape,
        classes,
        order=_ORDERS[variant],
        widths=[width for width in widths(settings) for _ in range(blocks)],
        activation=word(settings, "activation"),
    )


RECIPE = Recipe(
    name="bn-placement",
    version=1,
    title="Batch norm before or after the activation",
    question="Does batch norm go before or after the activation, and does that depend on it?",
    source="ducha-aiki, caffenet-benchmark",
    variants=tuple(_ORDERS),
    baseline="before",
    data="digits",
    seeds=7,
    settings={
        "epochs": 8,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "optimizer": "adam",
        "weight_decay": 0.0,
        "learning_rate_drops": "",
        "initialisation": "he",
        "augment": False,
        "limit_train": 500,  # of all 1442, every network gets nearly every digit right
        "activation": "relu",
        "widths": "16 32 32",
        "blocks": 1,
    },
    paper={
        **LONG_TRAINING,
        "limit_train": None,
        "widths": "96 256 384 384 256",  # CaffeNet's
    },
    paper_data="cifar-10",
    network=_network,
    dimensions=3,
    endpoint=TEST_ERROR,
    measure=price,
    metrics=(TEST_LOSS, PRICE, TRAIN_LOSS, TRAIN_EVAL_LOSS),
    panels={
        "relu": Panel(published=_errors(_CAFFENET)),
        "relu-deep": Panel(settings={"blocks": 2}, published=_errors(_GOOGLENET)),
        "elu": Panel(settings={"activation": "elu"}),
        "tanh": Panel(settings={"activation": "tanh"}),
        # without a norm, sigmoids have hardly begun to learn after 8 epochs
        "sigmoid": Panel(settings={"activation": "sigmoid", "epochs": 16}),
    },
    published_runs=1,
    published_label="ImageNet at 128 pixels, single runs; relu: CaffeNet, relu-deep: GoogLeNet",
    contrasts=(
        Contrast(
            what="test error, norm after ReLU less before it, mean of both depths",
            higher="batch norm after ReLU errs more than before it",
            lower="batch norm after ReLU errs less than before it",
            weights={"after": 1, "before": -1},
            panels={"relu": 0.5, "relu-deep": 0.5},
        ),
        Contrast(
            what="that difference behind tanh and sigmoid less that behind ReLU",
            higher="the later place is worse behind saturating activations than behind ReLU",
            lower=(
                "the later place is better behind saturating activations than behind ReLU, so it "
                "depends on the activation"
            ),
            weights={"after": 1, "before": -1},
            panels={"tanh": 0.5, "sigmoid": 0.5, "relu": -0.5, "relu-deep": -0.5},
        ),
    ),
    notes=(
        "The network is a plain chain of 3×3 convolutions and one linear layer.",
        "The panel relu-deep has twice as many convolutions. The small setting has 500 digits.",
        "ImageNet at 128 pixels is not among the data sets: --paper trains on CIFAR-10.",
        (
            "It trains as the CIFAR literature does, not as the source. So the published errors, "
            "of other networks, data and training, bear comparison by order only."
        ),
        "The panel sigmoid has 16 epochs: without a norm it has hardly begun to learn after 8.",
    ),
)
