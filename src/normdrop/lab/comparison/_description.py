"""What a comparison is about, in plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from normdrop.lab.metric import TEST_LOSS, TRAINING, Metric


@dataclass(frozen=True)
class ComparisonDescription:
    """What was compared and why, for whoever reads the result.

    What a `Recipe` has by the same name means here what it means there.

    Attributes:
        variants: Those that were trained, in the recipe's order.
        baseline: The variant all others are compared with, if one was fixed before the experiment.
        panel: Which part of an experiment of several parts it is.
        data_notes: Sentences a reader of the result must know about the data.
    """

    title: str
    variants: tuple[str, ...]
    question: str = ""
    source: str = ""
    baseline: str | None = None
    endpoint: Metric = TEST_LOSS
    metrics: tuple[Metric, ...] = TRAINING
    panel: str = ""
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    published_label: str = ""
    published_noise: float = 0.0
    claims: tuple[tuple[str, str], ...] = ()
    curves: bool = False
    data_notes: tuple[str, ...] = ()
