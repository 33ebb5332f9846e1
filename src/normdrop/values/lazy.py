"""The public names of a package, read from its stub and imported when they are first used.

The stub `__init__.pyi` beside a package's `__init__.py` is the one list of its names: type checkers
and editors read it as it is, and here it gives `__all__`, `__dir__` and the lazy import.
"""

import ast
import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from normdrop.errors import NormdropError


@dataclass(frozen=True)
class PublicNames:
    """What one stub says.

    Attributes:
        package: The package the stub is of.
        homes: Each name with the module that it is imported from, as the stub orders them.
        rooms: Subpackages, which are public as a whole.
    """

    package: str
    homes: Mapping[str, str]
    rooms: tuple[str, ...]

    def load(self, name: str) -> object:
        """Import what a name stands for.

        Raises:
            AttributeError: There is no such name, and the message has the one it looks like; or it
                is a room whose framework is missing.
        """
        if name in self.homes:
            return getattr(importlib.import_module(self.homes[name]), name)
        try:
            if name in self.rooms:
                return importlib.import_module(f"{self.package}.{name}")
            if name == "__version__":
                from importlib.metadata import version

                return version(self.package)
        except (ImportError, NormdropError) as error:
            # `hasattr` and `help` ask for every room, also in an environment without its framework,
            # and are told so by no other error.
            raise AttributeError(f"{self.package}.{name} is not to be had: {error}") from error
        raise AttributeError(f"module {self.package!r} has no attribute {name!r}{self._hint(name)}")

    def _hint(self, name: str) -> str:
        """The name that a misspelt one was probably meant to be."""
        if name.startswith("_"):
            return ""  # Python and its tools ask for such names, and nobody reads the answer
        from difflib import get_close_matches

        near = get_close_matches(name, (*self.homes, *self.rooms), n=1)
        return f"; did you mean {near[0]!r}?" if near else ""


def read_stub(package: str, stub: str) -> PublicNames:
    r"""The names that a stub imports, each with its home.

    >>> names = read_stub("shop", "from shop.till import pay as pay\nfrom . import cafe as cafe")
    >>> dict(names.homes), names.rooms
    ({'pay': 'shop.till'}, ('cafe',))
    """
    homes: dict[str, str] = {}
    rooms: list[str] = []
    for line in ast.parse(stub).body:
        if isinstance(line, ast.ImportFrom):
            names = [alias.name for alias in line.names]
            if line.module is None:
                rooms += names
            else:
                homes |= dict.fromkeys(names, line.module)
    return PublicNames(package, homes, tuple(rooms))


def attach(
    package: str,
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of the package that calls this.

    Rooms are no part of `__all__`: `from normdrop import *` would import both frameworks, and hide
    the user's own `torch` and `keras` behind them.

    Args:
        package: Its `__name__`.
    """
    module = sys.modules[package]
    names = read_stub(
        package, Path(str(module.__file__)).with_name("__init__.pyi").read_text("utf-8")
    )

    def load(name: str) -> object:
        value = names.load(name)
        setattr(module, name, value)  # so that Python asks once
        return value

    def listing() -> list[str]:
        return [*names.homes, *names.rooms]

    return load, listing, list(names.homes)
