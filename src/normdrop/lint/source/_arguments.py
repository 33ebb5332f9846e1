"""The arguments of a call in the source."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from normdrop.lint.source._values import OPAQUE, Constant, Listing, Value


class Arguments(NamedTuple):
    """Positional and named arguments.

    Attributes:
        positional: In order.
        named: By name.
        whole: False where `*args` or `**kwargs` may bring more.
    """

    positional: Sequence[Value] = ()
    named: Mapping[str, Value] = MappingProxyType({})
    whole: bool = True

    def snapshot(self) -> "Arguments":
        """The arguments as they are now, whatever becomes of the lists among them."""
        return Arguments(
            [_snapshot(value) for value in self.positional],
            {name: _snapshot(value) for name, value in self.named.items()},
            self.whole,
        )

    def with_default(self, name: str, value: Value) -> "Arguments":
        """The arguments with a value for one that may be among those that cannot be read."""
        return self._replace(named={name: value, **self.named})

    def values(self) -> list[Value]:
        """All of them, in the order in which they are evaluated."""
        return [*self.positional, *self.named.values()]

    def get(self, name: str, position: int | None = None) -> Value | None:
        """An argument, None if it is left out, and opaque if that is unknown."""
        if name in self.named:
            return self.named[name]
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return None if self.whole else OPAQUE

    def number(self, name: str, position: int | None, default: float) -> float:
        """A number; nan where it cannot be read."""
        value = self.get(name, position)
        if value is None:
            return default
        if isinstance(value, Constant) and isinstance(value.value, int | float):
            return float(value.value)
        return float("nan")

    def truth(self, name: str, position: int | None, *, default: bool) -> bool | None:
        """A truth value; None where it cannot be read."""
        value = self.get(name, position)
        if value is None:
            return default
        return bool(value.value) if isinstance(value, Constant) else None

    def whole_number(self, name: str, position: int | None) -> int | None:
        """A whole number; None where it cannot be read."""
        number = self.number(name, position, float("nan"))
        return int(number) if number == number and number == int(number) else None  # noqa: PLR0124 - nan

    def sizes(self, name: str, position: int | None) -> tuple[int, ...]:
        """One size or several; empty where they cannot be read."""
        value = self.get(name, position)
        items = value.items if isinstance(value, Listing) else [value]
        sizes = [item.value for item in items if isinstance(item, Constant)]
        read = tuple(size for size in sizes if isinstance(size, int))
        return read if len(read) == len(items) else ()

    def text(self, name: str, position: int | None, default: str) -> str:
        """A string; empty where it cannot be read."""
        value = self.get(name, position)
        if value is None:
            return default
        return value.value if isinstance(value, Constant) and isinstance(value.value, str) else ""


def _snapshot(value: Value) -> Value:
    return Listing([*value.items]) if isinstance(value, Listing) else value
