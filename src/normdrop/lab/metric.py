"""What is measured of a trial: a number's name, and how people read it."""

from dataclasses import dataclass

from normdrop.values.display import rounded


@dataclass(frozen=True)
class Metric:
    """A number that a finished trial has.

    An experiment's *endpoint* is the metric its variants are ranked by: the lower, the better.

    Attributes:
        name: Its key among `Outcome.values`.
        label: What it is called in a sentence, such as "test error".
        unit: Such as "%" or "nats"; empty for a ratio or a count.
        heading: The column's heading; the label if left out.
        meaning: One line for the reader of the table.
        decimals: Digits behind the point; left out, three significant digits.
        signed: Whether a plus sign is shown.
        narrow: Whether its column is kept in 80 columns.
    """

    name: str
    label: str
    unit: str = ""
    heading: str = ""
    meaning: str = ""
    decimals: int | None = None
    signed: bool = False
    narrow: bool = True

    @property
    def column(self) -> str:
        """The heading of its column."""
        return self.heading or self.label

    @property
    def axis(self) -> str:
        """Label and unit, for a figure's axis.

        >>> TEST_LOSS.axis
        'test loss (nats)'
        """
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def text(self, value: float) -> str:
        """A value as a column shows it.

        >>> TEST_LOSS.text(0.031415), TEST_ACCURACY.text(98.765)
        ('0.0314', '98.77')
        """
        if self.decimals is None:
            return rounded(value, digits=3)
        return f"{value:{'+' if self.signed else ''}.{self.decimals}f}"


TEST_LOSS = Metric("test_loss", "test loss", "nats", meaning="mean over seeds, final epoch")
TEST_ERROR = Metric("test_error", "test error", "%", "error %", decimals=2)
TEST_ACCURACY = Metric(
    "test_accuracy", "test accuracy", "%", "acc %", meaning="test accuracy", decimals=2
)
TRAIN_LOSS = Metric(
    "train_loss",
    "training loss in train mode",
    "nats",
    "train",
    meaning="training loss in train mode",
    narrow=False,
)
TRAIN_EVAL_LOSS = Metric(
    "train_eval_loss",
    "training loss in eval mode",
    "nats",
    "train, eval mode",
    meaning="training loss in eval mode",
    narrow=False,
)
TRAINING = (TEST_ACCURACY, TRAIN_LOSS, TRAIN_EVAL_LOSS)
"""What is shown beside the endpoint of a classifier."""
