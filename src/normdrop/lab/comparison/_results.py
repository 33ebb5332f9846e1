"""What a set of trials says about its variants, as numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from normdrop.errors import UsageError
from normdrop.lab.comparison._analysis import Analysis, VariantSummary, analysed
from normdrop.lab.comparison._description import ComparisonDescription
from normdrop.lab.comparison._grid import Grid, arranged
from normdrop.lab.trial import Outcome


@dataclass(frozen=True)
class Results:
    """The outcomes of an experiment and what follows from them: all that tables and sentences read.

    `Comparison` adds how they look; its words, tables and figures need only this, so that none of
    them needs the others.
    """

    description: ComparisonDescription
    outcomes: tuple[Outcome, ...]
    level: float = 0.05

    def __post_init__(self) -> None:
        baseline = self.description.baseline
        if baseline is not None and baseline not in self.description.variants:
            raise UsageError(f"the baseline {baseline!r} is not among the variants")
        if not 0 < self.level < 1:
            raise UsageError(f"the level is {self.level}: it must lie between 0 and 1")
        arranged(self.description.variants, self.outcomes)

    @cached_property
    def grid(self) -> Grid:
        """The outcomes by variant, in the recipe's order, and seed."""
        return arranged(self.description.variants, self.outcomes)

    @cached_property
    def analysis(self) -> Analysis:
        """The ranking, all pairs, and the groups that cannot be told apart."""
        return analysed(self.description, self.grid, self.level)

    def __iter__(self) -> Iterator[VariantSummary]:
        """The variants' summaries, best first."""
        return iter(self.analysis.ranking)

    def __len__(self) -> int:
        """How many variants there are."""
        return len(self.description.variants)

    def __getitem__(self, variant: str) -> VariantSummary:
        """One variant's summary, by name."""
        for summary in self:
            if summary.name == variant:
                return summary
        raise KeyError(variant)


def settings_used(results: Results) -> dict[str, list[Any]]:
    """Every setting with the distinct values it took, in order of appearance."""
    return _distinct([outcome.trial.settings for outcome in results.outcomes])


def versions_used(results: Results) -> dict[str, list[Any]]:
    """Every library with the distinct versions the trials ran on."""
    return _distinct([outcome.versions for outcome in results.outcomes])


def _distinct(mappings: list[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = sorted({name for mapping in mappings for name in mapping})
    return {
        name: list(dict.fromkeys(mapping[name] for mapping in mappings if name in mapping))
        for name in names
    }
