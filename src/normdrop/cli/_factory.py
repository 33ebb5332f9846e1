"""FACTORY on the command line: a callable in a package or a file, called for a model."""

import ast
import importlib
import importlib.util
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from normdrop.errors import UsageError

_SEED = 0
"""Of weights that a factory draws."""
_USERS = (Exception, SystemExit)
"""What a user's own code may raise; with `sys.exit(0)` it would end this program as if clean."""
MODEL_FILES = (".keras", ".h5", ".hdf5")
"""How files of whole Keras models end; all but the first are read where they are trusted."""
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")


def is_model_file(text: str) -> bool:
    """Whether an argument is a file, or a SavedModel folder, that holds a whole model."""
    return text.endswith(MODEL_FILES) or _is_saved_model(text)


def _is_saved_model(folder: str) -> bool:
    try:
        return any((Path(folder) / each).is_file() for each in _SAVED_MODEL)
    except OSError:  # a name that is too long for any file
        return False


def names_model(text: str, *, trust: bool = False) -> bool:
    """Whether an argument is a FACTORY or a file of a model, and no source to read.

    A SavedModel folder, in which source may lie as well, is a model where it is trusted.
    """
    if text.endswith(MODEL_FILES) or (":" in text and not Path(text).exists()):
        return True
    return trust and is_model_file(text)


def make(factory: str, settings: Sequence[str] = ()) -> object:
    """Call `package.module:callable` or `path/to/file.py:callable`.

    Random numbers come from a fixed seed, so that a command says the same each time it is given.

    Args:
        factory: Where the callable is.
        settings: Its arguments by name, as `name=value`; a value is a Python literal, else text.

    Raises:
        UsageError: It cannot be found, imported or called; the message says which and why.
    """
    arguments = parse_settings(settings)
    _seed()
    found = find_callable(factory)
    _seed()  # of what was imported only now
    try:
        return found(**arguments)
    except _USERS as error:
        raise UsageError(f"{factory} raised {_named(error)}") from error


def find_callable(factory: str) -> Callable[..., object]:
    """The callable at `package.module:callable` or `path/to/file.py:callable`.

    The current folder is importable, as it is for `python -m`; so is what lies beside a file, as it
    is for a script.

    Raises:
        UsageError: It cannot be found or imported, or is no callable.
    """
    place, colon, name = factory.rpartition(":")
    if not colon or not place or not name:
        raise UsageError(
            f"{factory!r} names no callable: write package.module:callable or path/to/file.py:"
            "callable"
        )
    module = _from_file(Path(place)) if place.endswith(".py") else _from_package(place)
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{place} has no {name!r}")
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{factory} is no callable but a {type(found).__name__}")
    return found


def parse_settings(settings: Sequence[str], option: str = "--with") -> Mapping[str, object]:
    """`name=value` pairs, given with an option of the command line, as keyword arguments.

    Raises:
        UsageError: A pair has no `=`, or no name before it.

    >>> parse_settings(["width=64", "rates=(0.1, 0.5)", "act=relu"])
    {'width': 64, 'rates': (0.1, 0.5), 'act': 'relu'}
    """
    arguments: dict[str, object] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"{option} {setting}: write name=value, such as {option} width=64")
        arguments[name] = _literal(value)
    return arguments


def _literal(value: str) -> object:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


def _make_importable(folder: Path) -> None:
    """Let what lies in a folder be imported, for good: functions import when they are called."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _from_package(name: str) -> ModuleType:
    _make_importable(Path.cwd())
    try:
        return importlib.import_module(name)
    except _USERS as error:
        raise UsageError(f"{name} cannot be imported: {_named(error)}") from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up by its name.
    sys.modules.setdefault(path.stem, module)
    _make_importable(path.resolve().parent)
    try:
        spec.loader.exec_module(module)
    except _USERS as error:
        raise UsageError(f"{path} cannot be imported: {_named(error)}") from error
    return module


def _seed() -> None:
    """Have all that is imported draw the same numbers each time the command is given.

    On import torch takes a seed by chance.
    """
    random.seed(_SEED)
    for name in ("torch", "keras"):
        library = sys.modules.get(name)
        if library is not None:
            (library.manual_seed if name == "torch" else library.utils.set_random_seed)(_SEED)


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
