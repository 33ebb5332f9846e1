"""Whether the test loss rises again, and since when."""

from typing import TYPE_CHECKING

from normdrop.lab.metric import Metric

if TYPE_CHECKING:
    from normdrop.lab.bench import Trained

RISE = Metric(
    "rise",
    "rise of the test loss",
    "nats",
    "rise",
    "test loss of the final epoch − that of the epoch where it was lowest",
    decimals=3,
)
BEST_EPOCH = Metric(
    "best_epoch",
    "epoch of the lowest test loss",
    "",
    "lowest",
    "the epoch after which the test loss was lowest",
    decimals=0,
)


def turning_point(trained: "Trained") -> dict[str, float]:
    """`RISE` and `BEST_EPOCH` of a trained network."""
    lowest = min(trained.epochs, key=lambda epoch: epoch.test_loss)
    return {
        RISE.name: trained.epochs[-1].test_loss - lowest.test_loss,
        BEST_EPOCH.name: float(lowest.number),
    }
