"""Why a finding stays."""

from dataclasses import dataclass

from normdrop.values.findings import Finding


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a finding stays, and what the user can do about it by hand."""

    finding: Finding
    reason: str

    def __str__(self) -> str:
        """A sentence."""
        layer = self.finding.layers[0] if self.finding.layers else "the model"
        return f"{self.finding.code} {layer} was left as it is: {self.reason}."
