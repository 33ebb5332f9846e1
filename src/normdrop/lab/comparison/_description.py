"""What a comparison is about, in plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from normdrop.lab.metric import TEST_LOSS, TRAINING, Metric


@dataclass(frozen=True)
class ComparisonDescription:
    """What was compared and why, for whoever reads the result.

    Attributes:
        title: A few words, such as "Ten orders".
        variants: The rivals, in the recipe's order.
        question: What the experiment asks, as one sentence.
        source: Where the question or the published figures come from.
        baseline: The variant all others are compared with, if one was fixed before the experiment.
        endpoint: What the variants are ranked and tested by; the lower, the better.
        metrics: What else is shown of each.
        panel: Which part of an experiment of several parts it is.
        published: Figures printed by the source: values by variant, by the name of their metric.
        published_label: What they are, such as "one run each, 20 epochs".
        published_noise: Published endpoints no farther apart than this count as equal.
        claims: Pairs of which the source says in words that the first has the lower endpoint.
        curves: Whether its learning curves are part of the answer.
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
