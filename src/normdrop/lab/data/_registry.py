"""Data sets by name: each is the public module of that name in `sets/`."""

import importlib
import pkgutil
from difflib import get_close_matches

from normdrop.errors import DataError
from normdrop.lab.data import sets
from normdrop.lab.data._source import DataSource


def names() -> tuple[str, ...]:
    """The names `load` knows, in alphabetical order."""
    modules = (module.name for module in pkgutil.iter_modules(sets.__path__))
    return tuple(sorted(name.replace("_", "-") for name in modules if not name.startswith("_")))


def source(name: str) -> DataSource:
    """What is known of a data set before any file is read.

    Raises:
        DataError: There is no data set of that name; the error proposes the nearest.
    """
    if name not in names():
        near = get_close_matches(name, names(), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DataError(f"unknown data set {name!r}: {hint}There are {', '.join(names())}")
    module = importlib.import_module(f"{sets.__name__}.{name.replace('-', '_')}")
    found = module.source
    if not isinstance(found, DataSource):
        message = f"{module.__name__}.source is not a DataSource"
        raise TypeError(message)
    return found
