"""Whether the test loss rises again while the training loss falls, and since when."""

from collections.abc import Sequence
from statistics import fmean

from normdrop.lab.metric import Metric
from normdrop.lab.recipe import Trained

_BETWEEN_THIRDS = "mean over the last third of the epochs − over the third before it"

RISE = Metric(
    "rise",
    "rise of the test loss",
    "nats",
    "rise",
    f"test loss, {_BETWEEN_THIRDS}",
    decimals=3,
    signed=True,
)
TRAIN_RISE = Metric(
    "train_rise",
    "rise of the training loss",
    "nats",
    "train rise",
    f"training loss in eval mode, {_BETWEEN_THIRDS}",
    decimals=3,
    signed=True,
)
BEST_EPOCH = Metric(
    "best_epoch",
    "epoch of the lowest test loss",
    "",
    "lowest",
    "the epoch after which the test loss was lowest",
    decimals=0,
)


def turning_point(trained: Trained) -> dict[str, float]:
    """`RISE`, `TRAIN_RISE` and `BEST_EPOCH` of a trained network."""
    lowest = min(trained.epochs, key=lambda epoch: epoch.test_loss)
    return {
        RISE.name: _rise([epoch.test_loss for epoch in trained.epochs]),
        TRAIN_RISE.name: _rise([epoch.train_eval_loss for epoch in trained.epochs]),
        BEST_EPOCH.name: float(lowest.number),
    }


def _rise(losses: Sequence[float]) -> float:
    """Of means over thirds: the last loss less the lowest of many is above 0 by chance alone."""
    third = max(1, len(losses) // 3)
    before = losses[-2 * third : -third]
    return fmean(losses[-third:]) - fmean(before) if before else 0.0
