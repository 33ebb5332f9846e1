"""What code does, as a short word: by it a recipe of a user's own is known again, or is another.

A recipe in a file or a notebook is named by the code it runs, so that no outcome of other code is
taken for its own, and that the same code in a new process goes on where it stopped. Followed is
whatever functions of the recipe refer to, through the user's own modules; comments, names of files
and numbers of lines do not count. Libraries are known by name alone: their versions stand with
every outcome.
"""

import functools
import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_LIBRARIES = tuple(
    str(Path(sysconfig.get_path(kind)).resolve())
    for kind in ("stdlib", "platstdlib", "purelib", "platlib")
)
_LENGTH = 12
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
_SHARED_AT_WILL = (tuple, frozenset, CodeType)
"""Equal ones may be one object in a process and two in the next; none holds itself directly."""
_OF_THE_COMPILER = {
    "__module__",
    "__dict__",
    "__weakref__",
    "__doc__",
    "__firstlineno__",
    "__static_attributes__",
    "__annotations__",
    "__annotate_func__",
    "__annotations_cache__",
    "__abstractmethods__",
    "_abc_impl",
}


def fingerprint(*things: object) -> str:
    """Twelve hexadecimal digits that are the same in every process, and others for other code.

    >>> texts = ("lambda width: 2 * width", "(lambda width: (2*width))", "lambda width: 3 * width")
    >>> one, same, other = (fingerprint(compile(text, "a.py", "eval")) for text in texts)
    >>> one == same, one == other
    (True, False)
    """
    digest = hashlib.sha256()
    for word in _Walk().words(things):
        digest.update(f"{len(word)}:{word}".encode())
    return digest.hexdigest()[:_LENGTH]


class _Walk:
    """A walk over everything that something refers to, as words that tell it from others."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []  # whose identity must stay theirs until the walk has ended

    def words(self, thing: Any) -> Iterator[str]:  # noqa: ANN401, C901, PLR0912 - a case for each kind
        """The words of a thing; of one that was met before, when that was."""
        if isinstance(thing, _PLAIN):
            yield f"{type(thing).__name__} {thing!r}"
            return
        if not isinstance(thing, _SHARED_AT_WILL):
            if id(thing) in self._seen:
                yield f"again {self._seen[id(thing)]}"
                return
            self._seen[id(thing)] = len(self._seen)
            self._kept.append(thing)
        match thing:
            case CodeType():
                yield from self._code(thing)
            case FunctionType() if _is_own(thing.__module__):
                yield from self._function(thing)
            case MethodType():
                yield from self._all("method", (thing.__func__, thing.__self__))
            case functools.partial():
                yield from self._all("partial", (thing.func, thing.args, thing.keywords))
            case property():
                yield from self._all("property", (thing.fget, thing.fset, thing.fdel))
            case staticmethod() | classmethod():
                yield from self._all(type(thing).__name__, (thing.__func__,))
            case ModuleType():
                yield f"module {thing.__name__}"
            case type() if _is_own(thing.__module__):
                members = {k: v for k, v in vars(thing).items() if k not in _OF_THE_COMPILER}
                yield from self._all(f"class {thing.__qualname__}", (thing.__bases__, members))
            case type() | FunctionType() | BuiltinFunctionType():
                yield f"named {thing.__module__}.{thing.__qualname__}"
            case Mapping():
                yield from self._all(
                    "mapping", sorted(thing.items(), key=lambda item: repr(item[0]))
                )
            case tuple() | list():
                yield from self._all("sequence", thing)
            case AbstractSet():
                yield from sorted("".join(_Walk().words(each)) for each in thing)
            case _:
                yield from self._value(thing)

    def _all(self, kind: str, things: Any) -> Iterator[str]:  # noqa: ANN401 - anything iterable
        yield kind
        for each in things:
            yield from self.words(each)
        yield "end"

    def _code(self, code: CodeType) -> Iterator[str]:
        parts = (code.co_code, code.co_exceptiontable, code.co_names, code.co_consts)
        yield from self._all("code", parts)

    def _function(self, function: FunctionType) -> Iterator[str]:
        """Its code, and what the names in it stand for now."""
        cells = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
        yield from self._all(
            "function",
            (function.__code__, function.__defaults__, function.__kwdefaults__, cells),
        )
        names = set(_names(function.__code__))
        for name in sorted(names & function.__globals__.keys()):
            yield name
            found = function.__globals__[name]
            yield from self.words(found)
            if isinstance(found, ModuleType) and _is_own(found.__name__):
                for member in sorted(names & vars(found).keys()):
                    yield member
                    yield from self.words(vars(found)[member])

    def _value(self, thing: object) -> Iterator[str]:
        """A value of any class: the class, and what pickling would keep of it."""
        yield from self.words(type(thing))
        if hasattr(thing, "tolist") and hasattr(thing, "dtype"):  # an array or a tensor
            yield from self._all(f"{thing.dtype}", (thing.tolist(),))
            return
        kept: Any
        try:
            kept = thing.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - what cannot be pickled is known by its fields, if any
            kept = getattr(thing, "__dict__", None)
        parts = kept[1:] if isinstance(kept, tuple) else (kept,)
        for part in parts:
            yield from self.words(list(part) if isinstance(part, Iterator) else part)


def _names(code: CodeType) -> Iterator[str]:
    """The names that code uses, and the functions in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_filled(cell: Any) -> bool:  # noqa: ANN401 - a cell's type has no name in older Pythons
    try:
        cell.cell_contents  # noqa: B018 - raises where it is empty
    except ValueError:
        return False
    return True


def _is_own(name: str | None) -> bool:
    """Whether a module is the user's: neither a library's nor normdrop's."""
    if name is None or name.partition(".")[0] == "normdrop":
        return False
    if name == "__main__" or name not in sys.modules:
        return True  # a script, a notebook, or a recipe's file
    file = getattr(sys.modules[name], "__file__", None)
    return file is not None and not str(Path(file).resolve()).startswith(_LIBRARIES)
