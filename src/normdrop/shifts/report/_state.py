"""What a model's stored statistics hold, as a report says it."""

from dataclasses import dataclass
from typing import Literal

StateName = Literal[
    "not-finite",
    "never-updated",
    "few-updates",
    "averaged",
    "small-training-batches",
    "frozen",
    "thawed",
    "instance",
    "re-estimated",
    "other-scale",
    "other-data",
    "stale",
    "undecided",
    "noise",
    "small-batches",
]
"""Each of the things that running statistics, or the batches they are held against, can be."""

_TITLES: dict[StateName, str] = {
    "not-finite": "Broken statistics",
    "never-updated": "Never updated",
    "few-updates": "Too few updates",
    "averaged": "Averaged weights",
    "small-training-batches": "Small training batches",
    "frozen": "Frozen norm layers",
    "thawed": "Thawed norm layers",
    "instance": "Instance norm",
    "re-estimated": "Re-estimated statistics",
    "other-scale": "Other data",
    "other-data": "Other data",
    "stale": "Stale statistics",
    "undecided": "Stale statistics or other data",
    "noise": "Noise",
    "small-batches": "Small batches",
}
_NO_FAULTS: frozenset[StateName] = frozenset({"frozen", "re-estimated"})


@dataclass(frozen=True)
class StatisticsState:
    """One thing that the stored statistics of some norm layers hold.

    Attributes:
        name: Which it is.
        layers: Paths of the norm layers it was seen at, the one that tells most first.
        evidence: What was seen, as a clause.
        remedy: What to do, as a clause; empty where there is nothing to do.

    >>> str(StatisticsState("stale", ("bn",), "in train mode 'bn' meets twice the variance", ""))
    "Stale statistics: in train mode 'bn' meets twice the variance."
    """

    name: StateName
    layers: tuple[str, ...]
    evidence: str
    remedy: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether anything is wrong with what is stored, or with the data."""
        return self.name not in _NO_FAULTS

    def __str__(self) -> str:
        """One sentence."""
        remedy = f": {self.remedy}" if self.remedy else ""
        return f"{_TITLES[self.name]}: {self.evidence}{remedy}."

    def to_dict(self) -> dict[str, object]:
        """In types that JSON knows."""
        return {
            "name": self.name,
            "layers": list(self.layers),
            "evidence": self.evidence,
            "remedy": self.remedy,
        }
