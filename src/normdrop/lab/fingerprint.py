"""What code does, as a short word: by it a recipe of a user's own is known again, or is another.

A recipe in a file or a notebook is named by the code it runs, so that no outcome of other code is
taken for its own, and that the same code in a new process goes on where it stopped. Followed is
what its functions refer to, through the user's own modules; comments, docstrings, names of files
and numbers of lines do not count. Libraries are known by name alone: their versions stand with
every outcome. What is looked up by a name that the code makes up (`getattr`) is not followed.
"""

import dis
import functools
import hashlib
import importlib
import importlib.util
import random
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from os import environ
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

import numpy as np

Parts: TypeAlias = tuple[str, Iterable[Any]]
"""What tells a thing from others of its kind: a word, and the things it is made of."""

_LENGTH = 12  # 48 bits: no two recipes of one store meet by chance, and a name stays readable
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
_SHARED_AT_WILL = (tuple, frozenset, CodeType)
"""Equal ones may be one object in a process and two in the next; none holds itself directly."""
_CHANGING = (random.Random, np.random.Generator, np.random.RandomState, type(environ))
"""What differs from process to process, or from call to call: known by its class."""
_NOT_ONES_OWN = {"__file__", "__name__", "__builtins__"}
_STORED_AS = {
    "normdrop.keras.layers.GaussianDropout": (
        "normdrop.keras.layers._gaussian_dropout.GaussianDropout"
    ),
    "normdrop.keras.layers.NoiseLayer": "normdrop.keras.layers._noise_layer.NoiseLayer",
    "normdrop.keras.layers.UniformDropout": "normdrop.keras.layers._uniform_dropout.UniformDropout",
    "normdrop.lab.context": "normdrop.lab.bench",
    "normdrop.lab.context.TrialContext": "normdrop.lab.bench.Bench",
    "normdrop.lab.data._source.DataSource": "normdrop.lab.data._source.Source",
    "normdrop.lab.examples.pad_crop_flip": "normdrop.lab.augment.pad_crop_flip",
    "normdrop.lab.fit.TrainingLoop": "normdrop.lab.fit.Fit",
    "normdrop.lab.statistics._groups.seed_ranks": "normdrop.lab.statistics._ranks.seed_ranks",
    "normdrop.lab.statistics._permutation": "normdrop.lab.statistics._step_down",
    "normdrop.lab.statistics._permutation.holm": "normdrop.lab.statistics._holm.holm",
    "normdrop.lab.statistics._permutation.seeds_needed": (
        "normdrop.lab.statistics._seeds.seeds_needed"
    ),
    "normdrop.lab.statistics._permutation.sign_flips": "normdrop.lab.statistics._flips.sign_flips",
    "normdrop.lint": "normdrop",
    "normdrop.mending": "normdrop",
    "normdrop.shifts": "normdrop",
    "normdrop.shifts.report": "normdrop.shift",
    "normdrop.shifts.report._report.LayerShift": "normdrop.shift._layer.LayerShift",
    "normdrop.shifts.report._report.ModeTable": "normdrop.shift._mode_table.ModeTable",
    "normdrop.torch._noise_layer.NoiseLayer": "normdrop.torch.layers._noise_layer.NoiseLayer",
    "normdrop.torch.layers.Dropout": "normdrop.torch.layers._dropout.Dropout",
    "normdrop.torch.layers.GaussianDropout": (
        "normdrop.torch.layers._gaussian_dropout.GaussianDropout"
    ),
    "normdrop.torch.layers.UniformDropout": "normdrop.torch.layers._uniform_dropout.UniformDropout",
    "normdrop.torch.layers.dropout": "normdrop.torch.layers._dropout.dropout",
    "normdrop.torch.layers.gaussian_dropout": (
        "normdrop.torch.layers._gaussian_dropout.gaussian_dropout"
    ),
    "normdrop.torch.layers.uniform_dropout": (
        "normdrop.torch.layers._uniform_dropout.uniform_dropout"
    ),
    "normdrop.values": "normdrop",
    "normdrop.values.operations.erf.error_function": "normdrop.theory._gaussian.error_function",
}
"""What was normdrop's own and has moved, by the name that stores know it by.

A name is part of what own code says, so a move would make another recipe of every one that uses
what moved. The longest entry that a name begins with counts.
"""
_OF_THE_COMPILER = {  # and of Python itself, in a class
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
    "__slotnames__",
    "_abc_impl",
}


def fingerprint(*things: object) -> str:
    """Twelve hexadecimal digits: the same in every process, and others for other code.

    >>> texts = ("lambda width: 2 * width", "(lambda width: (2*width))", "lambda width: 3 * width")
    >>> one, same, other = (fingerprint(compile(text, "a.py", "eval")) for text in texts)
    >>> one == same, one == other
    (True, False)
    """
    digest = hashlib.sha256()
    for word in _tokens(things):
        digest.update(f"{len(word)}:{word}".encode(errors="surrogatepass"))
    return digest.hexdigest()[:_LENGTH]


def _tokens(things: Sequence[object]) -> Iterator[str]:
    """The words of everything the things refer to; of one that was met before, when that was."""
    seen: dict[int, int] = {}
    kept: list[object] = []  # whose identity must stay theirs until the walk has ended
    open_parts = [iter(things)]
    while open_parts:
        try:
            thing = next(open_parts[-1])
        except StopIteration:
            open_parts.pop()
            yield "end"
            continue
        if isinstance(thing, _PLAIN):
            yield f"{type(thing).__name__} {thing!r}"
            continue
        if not isinstance(thing, _SHARED_AT_WILL):
            if id(thing) in seen:
                yield f"again {seen[id(thing)]}"
                continue
            seen[id(thing)] = len(seen)
            kept.append(thing)
        word, parts = _parts(thing)
        yield word
        open_parts.append(iter(parts))


def _parts(thing: Any) -> Parts:  # noqa: ANN401, C901, PLR0911, PLR0912 - a case each
    match thing:
        case CodeType():
            return "code", _of_code(thing, thing.co_consts)
        case FunctionType() if _is_own(thing.__module__):
            return "function", _of_function(thing)
        case MethodType():
            return "method", (thing.__func__, thing.__self__)
        case functools.partial():
            return "partial", (thing.func, thing.args, thing.keywords)
        case property():
            return "property", (thing.fget, thing.fset, thing.fdel)
        case staticmethod() | classmethod():
            return type(thing).__name__, (thing.__func__,)
        case ModuleType():
            return f"module {_stored_as(thing.__name__)}", ()
        case type() if _is_own(thing.__module__):
            members = sorted(vars(thing).keys() - _OF_THE_COMPILER)
            named = [(name, vars(thing)[name]) for name in members]
            return f"class {thing.__qualname__}", (thing.__bases__, named)
        case BuiltinFunctionType() if not isinstance(thing.__self__, ModuleType | type | None):
            return f"bound {thing.__name__}", (thing.__self__,)
        case type() | FunctionType() | BuiltinFunctionType():
            return f"named {_stored_as(f'{thing.__module__}.{thing.__qualname__}')}", ()
        case tuple() | list() if type(thing) in {tuple, list}:
            return "sequence", thing
        case AbstractSet():
            return f"set {type(thing).__name__}", sorted(thing, key=_shallow)
        case _:
            return "value", (type(thing), *_of_value(thing))


def _stored_as(name: str) -> str:
    """The name of a thing or a module of a library, as it was when trials were first stored."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        former = _STORED_AS.get(".".join(parts[:count]))
        if former is not None:
            return ".".join((former, *parts[count:]))
    return name


def _shallow(thing: object) -> str:
    """A word to sort by that has no address in it."""
    plain = repr(thing) if isinstance(thing, _PLAIN) else getattr(thing, "__qualname__", "")
    return f"{type(thing).__qualname__} {plain}"


def _of_code(code: CodeType, constants: Sequence[object]) -> Iterator[object]:
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    yield counts
    yield code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    yield from (code.co_code, code.co_exceptiontable, code.co_names, tuple(constants))


def _of_function(function: FunctionType) -> Iterator[object]:
    """Its code, its defaults, and what the names in it stand for now."""
    constants = function.__code__.co_consts
    if constants and constants[0] == function.__doc__:
        constants = constants[1:]
    yield tuple(_of_code(function.__code__, constants))
    yield from (function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            yield "an empty cell"
    loaded, members, imported = _names(function.__code__)
    found = {name: function.__globals__[name] for name in loaded & function.__globals__.keys()}
    found |= {name: module for name in imported if (module := _own_module(name)) is not None}
    for name in sorted(found.keys() - _NOT_ONES_OWN):
        yield from (name, found[name])
        yield from _of_module(found[name], members)


def _of_module(module: object, names: AbstractSet[str]) -> Iterator[object]:
    """What code may use of a module of the user's own, and of those in it."""
    waiting, met = [module], set[int]()
    while waiting:
        each = waiting.pop()
        if not isinstance(each, ModuleType) or not _is_own(each.__name__) or id(each) in met:
            continue
        met.add(id(each))
        for name in sorted((names & vars(each).keys()) - _NOT_ONES_OWN):
            yield from (name, vars(each)[name])
            waiting.append(vars(each)[name])


def _of_value(thing: Any) -> Iterable[object]:  # noqa: ANN401 - anything
    """What pickling would keep of a value, where that stays the same."""
    if isinstance(thing, _CHANGING) or type(thing).__name__ == "Generator":
        return ()
    if hasattr(thing, "__wrapped__"):  # a cache, or a compiler's
        return (thing.__wrapped__,)
    if hasattr(thing, "dtype") and hasattr(thing, "shape"):
        return (str(thing.dtype), str(tuple(thing.shape)), _bytes(thing))
    if isinstance(thing, Mapping):
        return (getattr(thing, "default_factory", None), *map(list, thing.items()))
    try:
        kept = thing.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - what cannot be pickled is known by its fields, if any
        kept = getattr(thing, "__dict__", None)
    parts = kept[1:] if isinstance(kept, tuple) else (kept,)
    return [list(part) if isinstance(part, Iterator) else part for part in parts]


def _bytes(array: Any) -> object:  # noqa: ANN401 - an array or a tensor
    """The numbers of an array or a tensor, as a hash of their bytes; nothing if there are none."""
    try:
        if hasattr(array, "detach"):
            import torch

            array = array.detach().cpu().contiguous().flatten().view(torch.uint8)
        numbers = np.ascontiguousarray(np.asarray(array))
        if numbers.dtype.hasobject:
            return numbers.tolist()
        return hashlib.sha256(numbers.tobytes()).hexdigest()
    except Exception:  # noqa: BLE001 - such as a tensor on meta: shape and type are all there is
        return None


def _names(code: CodeType) -> tuple[set[str], set[str], set[str]]:
    """The global names that code and the functions in it use, attributes, and modules."""
    loaded, members, imported = set[str](), set[str](), set[str]()
    waiting = [code]
    while waiting:
        each = waiting.pop()
        waiting.extend(c for c in each.co_consts if isinstance(c, CodeType))
        for instruction in dis.get_instructions(each):
            match instruction.opname:
                case "LOAD_GLOBAL" | "LOAD_NAME":
                    loaded.add(instruction.argval)
                case "IMPORT_NAME":
                    imported.add(instruction.argval)
                case "LOAD_ATTR" | "LOAD_METHOD" | "IMPORT_FROM":
                    members.add(instruction.argval)
    return loaded, members, imported


def _own_module(name: str) -> ModuleType | None:
    """A module of the user's own that a function imports when it is called."""
    if name in sys.modules:
        return sys.modules[name] if _is_own(name) else None
    try:
        spec = importlib.util.find_spec(name)
        own = spec is not None and spec.origin is not None and not _is_library(spec.origin)
        return importlib.import_module(name) if own else None
    except Exception:  # noqa: BLE001 - what cannot be imported, the function itself will say
        return None


def _is_own(name: str | None) -> bool:
    """Whether a module is the user's: neither a library's nor normdrop's."""
    if name is None or name.partition(".")[0] == "normdrop":
        return False
    if name == "__main__" or name.startswith("normdrop_recipe_") or name not in sys.modules:
        return True  # a script, a notebook, or a recipe's file
    file = getattr(sys.modules[name], "__file__", None)
    return file is not None and not _is_library(file)


@cache
def _is_library(file: str) -> bool:
    """Whether a file is of Python itself or of an installed package."""
    if file in {"built-in", "frozen"}:
        return True
    paths = Path(file).absolute(), Path(file).resolve()
    installed = {"site-packages", "dist-packages"}
    standard = [Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib")]
    return any(
        installed & set(path.parts) or any(path.is_relative_to(each) for each in standard)
        for path in paths
    )
