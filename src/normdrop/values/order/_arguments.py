"""What may stand in a token's parentheses: how it is read, and what is nearest to a wrong one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Protocol, TypeAlias

Argument: TypeAlias = str | int | float


class ArgumentKind(Protocol):
    """Reads an argument."""

    @property
    def words(self) -> str:
        """What the argument must be."""

    def read(self, text: str) -> Argument | None:
        """The argument's value, or nothing if `text` is not one."""

    def nearest(self, text: str) -> Argument | None:
        """The valid argument a wrong `text` was probably meant to be, if any."""


@dataclass(frozen=True)
class Real:
    """A finite number from 0 to `high`, which itself is allowed unless `open_end`."""

    meaning: str
    high: float = math.inf
    open_end: bool = False

    @property
    def words(self) -> str:
        """What the argument must be."""
        if math.isinf(self.high):
            return f"{self.meaning}, a number of at least 0"
        if self.open_end:
            return f"{self.meaning}, a number of at least 0 and below {self.high:g}"
        return f"{self.meaning}, a number from 0 to {self.high:g}"

    def read(self, text: str) -> float | None:
        """The number, or nothing if `text` is none or lies outside."""
        value = _number(text)
        if value is None or not 0 <= value <= self.high or (self.open_end and value == self.high):
            return None
        return value

    def nearest(self, text: str) -> float | None:
        """The end of the interval on the number's side, or the fraction a percentage means."""
        value = _number(text.removesuffix("%"))
        if value is None:
            return None
        if text.endswith("%"):
            value /= 100
        clipped = min(max(value, 0.0), self.high)
        return None if self.open_end and clipped == self.high else clipped


@dataclass(frozen=True)
class Count:
    """A positive whole number."""

    meaning: str

    @property
    def words(self) -> str:
        """What the argument must be."""
        return f"{self.meaning}, a whole number of at least 1"

    def read(self, text: str) -> int | None:
        """The number, or nothing if `text` is none."""
        return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None

    def nearest(self, text: str) -> int | None:
        """The whole number next to a fraction, and 1 for anything below."""
        value = _number(text)
        return None if value is None else max(1, round(value))


@dataclass(frozen=True)
class Choice:
    """One of some names; `other_names` maps what else they are called to them."""

    meaning: str
    names: tuple[str, ...]
    other_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What the argument must be."""
        return f"{self.meaning}: {', '.join(self.names[:-1])} or {self.names[-1]}"

    def read(self, text: str) -> str | None:
        """The name, or nothing if `text` is none of them."""
        return text if text in self.names else None

    def nearest(self, text: str) -> str | None:
        """The name that looks most like `text`, whatever its case and separators."""
        plain = text.lower().replace(" ", "_")
        known = {**self.other_names, **{name: name for name in self.names}}
        matches = get_close_matches(plain, known, n=1, cutoff=0.5)
        return known[matches[0]] if matches else None


def _number(text: str) -> float | None:
    """A finite number, or nothing."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
