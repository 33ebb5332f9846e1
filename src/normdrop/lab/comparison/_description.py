"""What a comparison is about, in plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Description:
    """What was compared and why, for whoever reads the result.

    Attributes:
        title: A few words, such as "Ten orders".
        variants: The rivals, in the recipe's order.
        question: What the experiment asks, as one sentence.
        source: Where the question or the published figures come from.
        baseline: The variant all others are compared with, if one was fixed before the experiment.
        published: Test losses printed by the source, by variant.
        published_label: What they are, such as "one run each, 20 epochs".
        data_notes: Sentences a reader of the result must know about the data.
    """

    title: str
    variants: tuple[str, ...]
    question: str = ""
    source: str = ""
    baseline: str | None = None
    published: Mapping[str, float] = field(default_factory=dict)
    published_label: str = ""
    data_notes: tuple[str, ...] = ()
