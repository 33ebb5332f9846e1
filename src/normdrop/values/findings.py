"""What a check found: one finding, and all of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from normdrop.values.location import Location
from normdrop.values.severity import Severity

if TYPE_CHECKING:
    import pandas as pd

    from normdrop.values.display import Table

_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}
_NAMED = 3
"""How many layers that could not be judged are named in a line."""


@dataclass(frozen=True, slots=True)
class Repair:
    """How to mend what was found.

    Attributes:
        what: The change, in the imperative.
        changes_outputs: Whether the mended model computes something else in eval mode.
    """

    what: str
    changes_outputs: bool

    def __str__(self) -> str:
        """What to do."""
        return self.what


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A norm layer that noise may shift by nobody knows how much.

    Attributes:
        path: Module path of the norm layer.
        reason: Why it could not be judged, as a clause.
    """

    path: str
    reason: str

    def __str__(self) -> str:
        """The layer and the reason."""
        return f"{self.path} ({self.reason})"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a model, where, how much it costs, and how to mend it.

    Attributes:
        code: The rule that found it, such as `"ND101"`.
        severity: `"error"`, `"warning"` or `"note"`.
        message: What is wrong, in one sentence.
        layers: Paths of the layers involved, the cause first.
        location: The line at fault.
        shift: Expected eval variance / train variance at the worst of the norm layers involved;
            None where the rule is not about shifts, or nothing can be said of its size.
        fix: What to do about it.
        related: Other lines involved.
        method: How the shift was found: `"measured"`, `"simulate"`, `"invert"` or `"moments"`;
            empty where none is stated, or the source alone tells it.
        error: Standard error of the shift's logarithm, where the method has one.

    >>> finding = Finding("ND101", "error", "Dropout feeds BatchNorm1d", ("drop", "norm"))
    >>> print(finding)
    ND101 error: Dropout feeds BatchNorm1d
    """

    code: str
    severity: Severity
    message: str
    layers: tuple[str, ...] = ()
    location: Location | None = None
    shift: float | None = None
    fix: Repair | None = None
    related: tuple[Location, ...] = ()
    method: str = ""
    error: float | None = None

    def __str__(self) -> str:
        """One line."""
        where = f"{self.location}: " if self.location else ""
        return f"{where}{self.code} {self.severity}: {self.message}"

    def to_dict(self) -> dict[str, object]:
        """As JSON knows it."""
        plain = asdict(self)
        repair = plain["fix"]
        lists = {name: list(plain[name]) for name in ("layers", "related")}
        return {**plain, **lists, "fix": repair and {"message": repair.pop("what"), **repair}}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a check looked at.

    Attributes:
        files: How many files were read.
        models: How many models were looked at, in files and by themselves.
        skipped: What was left out though it was given, and why, one line each.

    >>> print(Scope(files=3, models=1))
    3 files and 1 model checked, 0 skipped
    """

    files: int = 0
    models: int = 0
    skipped: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The three numbers in words."""
        files = f"{self.files} file{'' if self.files == 1 else 's'}"
        models = f"{self.models} model{'' if self.models == 1 else 's'}"
        return f"{files} and {models} checked, {len(self.skipped)} skipped"

    def to_dict(self) -> dict[str, int]:
        """The three numbers, as JSON knows them."""
        return {"files": self.files, "models": self.models, "skipped": len(self.skipped)}


@dataclass(frozen=True)
class Findings(Sequence[Finding]):
    """Everything a check found, the worst first for a model, in reading order for source.

    Attributes:
        found: The findings.
        notes: What could not be checked, and why, one line each.
        scope: What was looked at.
        judged: How many norm layers with running statistics were judged; None for source, where
            layers are not counted.
        unknown: The norm layers of a model that could not be judged, and why.

    >>> Findings(()).is_clean
    True
    >>> print(Findings((), judged=14, unknown=(Unjudged("bn", "its calls were not seen"),)).summary)
    Nothing found in 14 norm layers; 1 could not be judged: bn (its calls were not seen)
    """

    found: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    scope: Scope = Scope()
    judged: int | None = None
    unknown: tuple[Unjudged, ...] = ()

    def __len__(self) -> int:
        """How many findings."""
        return len(self.found)

    def __iter__(self) -> Iterator[Finding]:
        """The findings, one by one."""
        return iter(self.found)

    def __getitem__(self, index: int) -> Finding:  # type: ignore[override] # a slice has no use
        """The finding at a position."""
        return self.found[index]

    @property
    def is_clean(self) -> bool:
        """Whether there is neither an error nor a warning."""
        return all(finding.severity == "note" for finding in self)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes found, each once, in order."""
        return tuple(sorted({finding.code for finding in self}))

    def without(self, ignore: Iterable[str]) -> "Findings":
        """The findings but those whose code, or whose cause's path, is named or begins so."""
        prefixes = tuple(ignore)
        kept = (each for each in self if not _named(each, prefixes))
        return replace(self, found=tuple(kept))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What could not be checked and what was skipped, each once."""
        return tuple(dict.fromkeys([*self.notes, *self.scope.skipped]))

    @property
    def summary(self) -> str:
        """What was found, in how many norm layers, and which could not be judged, in one line."""
        number = len(self.found)
        title = f"{number} finding" + ("s" if number > 1 else "") if number else "Nothing found"
        if self.judged is not None:
            title += f" in {self.judged} norm layer" + ("" if self.judged == 1 else "s")
        return title + (f"; {self.ignorance}" if self.unknown else "")

    @property
    def ignorance(self) -> str:
        """Which norm layers could not be judged, and why, as a clause; empty where all were."""
        if not self.unknown:
            return ""
        by_reason: dict[str, list[str]] = {}
        for each in self.unknown:
            by_reason.setdefault(each.reason, []).append(each.path)
        named = ", ".join(
            f"{_few(paths)} ({reason})" for reason, paths in list(by_reason.items())[:_NAMED]
        )
        left = len(self.unknown) - sum(map(len, list(by_reason.values())[:_NAMED]))
        more = f" and {left} more" if left else ""
        return f"{len(self.unknown)} could not be judged: {named}{more}"

    def worst_first(self) -> "Findings":
        """Errors before warnings before notes, else by code."""
        ranked = sorted(self, key=lambda each: (_RANK[each.severity], each.code))
        return replace(self, found=tuple(ranked))

    def to_dict(self) -> dict[str, object]:
        """All findings, as JSON knows them."""
        return {
            "findings": [each.to_dict() for each in self],
            "notes": list(self.remarks),
            "checked": self.scope.to_dict(),
            "judged": self.judged,
            "unknown": [asdict(each) for each in self.unknown],
        }

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per finding.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd

        columns = ["code", "severity", "message", "layers", "location", "shift", "fix"]
        rows = [
            (
                *(each.code, each.severity, each.message, ", ".join(each.layers)),
                *(str(each.location or ""), each.shift, str(each.fix or "")),
            )
            for each in self
        ]
        return pd.DataFrame(rows, columns=columns)

    def table(self) -> "Table":
        """The findings as a table for a terminal or a notebook."""
        from normdrop.values.display import Column, Row, Table

        columns = [
            Column("code", meaning="The rule; `normdrop explain CODE` tells more"),
            Column("severity"),
            Column("layer", meaning="The layer at fault"),
            Column("shift", "right", "Expected eval variance / train variance"),
            Column("finding"),
            Column("fix"),
        ]
        rows = [Row(_cells(each), "bad" if each.severity == "error" else "plain") for each in self]
        return Table(self.summary, tuple(columns), tuple(rows), self.remarks)

    def __str__(self) -> str:
        """The table as text."""
        return self.table().to_text(width=120)

    def _repr_html_(self) -> str:
        """How a notebook shows the findings."""
        return self.table().to_html()


def _few(names: list[str]) -> str:
    """The first of many names."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _named(finding: Finding, prefixes: tuple[str, ...]) -> bool:
    """Whether a code, or the path of the layer at fault or of a module around it, is listed."""
    cause = finding.layers[0] if finding.layers else None
    return any(
        (prefix and finding.code.startswith(prefix))
        or (cause is not None and (cause == prefix or cause.startswith(f"{prefix}.")))
        for prefix in prefixes
    )


def _cells(finding: Finding) -> tuple[str, ...]:
    shift = "" if finding.shift is None else f"{finding.shift:.3g}"
    layer = finding.layers[0] if finding.layers else str(finding.location or "")
    repair = str(finding.fix) if finding.fix else ""
    return finding.code, finding.severity, layer, shift, finding.message, repair
