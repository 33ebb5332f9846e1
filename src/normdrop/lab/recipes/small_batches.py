"""Batch norm at batches of 1 to 256 examples, against group norm and none.

In train mode batch norm normalises by the few examples at hand, in eval mode by a running mean of
such statistics: the smaller the batch, the further these lie apart.
"""

from normdrop.lab.contrast import Contrast
from normdrop.lab.measures import PRICE
from normdrop.lab.metric import TEST_ERROR, TEST_LOSS, TRAIN_EVAL_LOSS, TRAIN_LOSS
from normdrop.lab.recipe import Network, Panel, Recipe, Settings, Shape
from normdrop.lab.recipes._settings import widths
from normdrop.lab.recipes._turning_point import RISE, turning_point_and_price

_ORDERS = {"none": "conv-act", "batch norm": "conv-bn-act", "group norm": "conv-gn(4)-act"}
_SIZES = (1, 2, 4, 16, 64, 256)
_USUAL = 32
_RATE_AT_USUAL = 2e-3


def _panel(size: int) -> Panel:
    """A batch size, and the learning rate that goes with it: with the square root of the size."""
    rate = _RATE_AT_USUAL * (size / _USUAL) ** 0.5
    return Panel(settings={"batch_size": size, "learning_rate": rate})


def _network(variant: str, shape: Shape, classes: int, settings: Settings) -> Network:
    from normdrop.lab.networks import convolutional_network

    return convolutional_network(shape, classes, order=_ORDERS[variant], widths=widths(settings))


RECIPE = Recipe(
    name="small-batches",
    version=3,
    title="Batch norm at small batches",
    question="At which batch size does batch norm turn unstable?",
    source="practice: batches of 1 or 2 in segmentation (pytorch-semseg#214, ISBNet#12)",
    variants=tuple(_ORDERS),
    baseline="none",
    data="digits",
    seeds=7,
    settings={
        "epochs": 6,
        "batch_size": _USUAL,
        "learning_rate": _RATE_AT_USUAL,
        "initialisation": "he",
        "augment": False,
        "limit_train": 400,
        "widths": "8 16",
    },
    paper={"epochs": 30, "augment": True, "limit_train": None, "widths": "64 128 256 256"},
    paper_data="cifar-10",
    network=_network,
    measure=turning_point_and_price,
    dimensions=3,
    endpoint=TEST_ERROR,
    metrics=(TEST_LOSS, PRICE, RISE, TRAIN_LOSS, TRAIN_EVAL_LOSS),
    panels={f"batch-{size}": _panel(size) for size in _SIZES},
    contrasts=tuple(
        Contrast(
            what=f"test error at batches of {size}, batch norm less group norm",
            higher=f"at batches of {size} batch norm errs more than group norm",
            lower=f"at batches of {size} batch norm errs less than group norm",
            weights={"batch norm": 1, "group norm": -1},
            panels={f"batch-{size}": 1},
            alike=False,
        )
        for size in (1, 2, 4)
    ),
    notes=(
        "Every panel sees as many examples: the smaller the batch, the more steps.",
        (
            f"Adam's learning rate is {_RATE_AT_USUAL:g} at {_USUAL} examples and grows with the "
            "square root of their number, so that the noise of a step stays about the same."
        ),
        "No source is repeated: --paper is a larger network on CIFAR-10.",
        "Batch norm's momentum is torch's, 0.1: the running statistics remember some 10 batches.",
        "At 256 the small setting has 12 steps, so they still hold a quarter of where they began.",
    ),
)
