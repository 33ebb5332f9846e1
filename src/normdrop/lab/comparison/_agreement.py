"""Whether the source's figures order the variants as they are ordered here."""

from dataclasses import dataclass

import numpy as np

from normdrop.lab.comparison._comparison import Comparison


@dataclass(frozen=True)
class Agreement:
    """The pairs of variants that are told apart here, beside the source's figures.

    Attributes:
        pairs: How many pairs have results.
        apart: How many of them are told apart.
        agree: How many of those the published endpoints order the same way.
        against: Those that they order the other way: lower here, higher here.
    """

    pairs: int
    apart: int
    agree: int
    against: tuple[tuple[str, str], ...]

    @property
    def judged(self) -> int:
        """How many of the pairs told apart the source orders at all."""
        return self.agree + len(self.against)


def agreement(comparison: Comparison) -> Agreement:
    """Hold a comparison against the published figures of its endpoint.

    A pair that is not told apart contradicts nothing, and neither does one whose published figures
    are equal or missing.
    """
    endpoint = comparison.description.endpoint.name
    ranking = comparison.analysis.ranking
    pairs = comparison.analysis.pairs
    upper = np.triu_indices(len(ranking), 1)
    different = pairs.different(comparison.level)
    agree, against = 0, []
    for row, column in np.argwhere(different & (pairs.difference < 0)):
        lower, higher = (ranking[index].published.get(endpoint) for index in (row, column))
        if lower is None or higher is None or lower == higher:
            continue
        if lower < higher:
            agree += 1
        else:
            against.append((ranking[row].name, ranking[column].name))
    known, apart = (int(found[upper].sum()) for found in (pairs.seeds > 0, different))
    return Agreement(known, apart, agree, tuple(against))
