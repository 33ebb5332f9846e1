"""What colour means wherever normdrop shows something; a mark says the same without colour."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["error", "warning", "note", "ok", "unknown"]
"""How bad something is; `note` is worth knowing, `ok` was looked at, `unknown` could not be."""

MARKS: Mapping[str, str] = MappingProxyType(
    {"error": "✗", "warning": "!", "note": "·", "ok": "✓", "unknown": "?"}
)
"""The mark of each level."""
STYLES: Mapping[str, str] = MappingProxyType(
    {"error": "bold red", "warning": "yellow", "note": "cyan", "ok": "green", "unknown": "magenta"}
)
"""The colour of each level in a terminal."""


@dataclass(frozen=True, slots=True)
class Headline:
    """What a result comes to: the first line of whatever shows it.

    >>> print(Headline("ok", "nothing found in 3 files"))
    ✓ ok: nothing found in 3 files
    >>> print(Headline("error", "2 of 3 norm layers are off"))
    ✗ 2 of 3 norm layers are off
    """

    level: Level
    text: str

    def __str__(self) -> str:
        """The line, with its mark."""
        ok = "ok: " if self.level == "ok" else ""
        return f"{MARKS[self.level]} {ok}{self.text}"
