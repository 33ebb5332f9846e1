"""What colour means wherever normdrop shows something; a mark says the same without colour."""

from collections.abc import Mapping
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
