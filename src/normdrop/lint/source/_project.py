"""The files beside a file that is read: what its imports of them stand for."""

import ast
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress

from normdrop.lint.source._index import Index
from normdrop.lint.source._interpreter import Interpreter
from normdrop.lint.source._keras_layers import KERAS_NOISE_AND_NORMS
from normdrop.lint.source._libraries import starred
from normdrop.lint.source._memo import Memo
from normdrop.lint.source._names import MODEL_WORDS, imports, is_library
from normdrop.lint.source._notes import Notes
from normdrop.lint.source._possible_ways import World
from normdrop.lint.source._sketch import TooLarge
from normdrop.lint.source._torch_layers import TORCH_NOISE_AND_NORMS
from normdrop.lint.source._values import OPAQUE, Elsewhere, Imported, ModuleFile, Names, Value
from normdrop.lint.source._worth_reading import leading

# A file in which none of these words stands defines nothing that is followed.
_MATTERS = re.compile(
    f"{TORCH_NOISE_AND_NORMS}|{KERAS_NOISE_AND_NORMS}|Module\\)|Model\\)|Layer\\)".encode()
)
_NORMS = re.compile("|".join(MODEL_WORDS).encode())
_IMPORTED = re.compile(
    rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n(#]+)", re.MULTILINE
)
_WORD = re.compile(rb"\w+")
# Longer files are read for their own sake alone.
_MOST_BYTES = 200_000
# How many folders, from that of a file upwards, may hold what it imports by a full name.
_FOLDERS = 4
# How many imports of imports are followed.
_DEEPEST = 6
_INSTALLED = {"site-packages", "dist-packages"}
_DEFINING = (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.If, ast.Try)


class Project:
    """Files that import one another, each read once, and only where a name leads to it.

    Attributes:
        notes: What is known of the nodes of each file that was entered.
    """

    def __init__(self) -> None:
        self.notes: Memo[str, Notes] = Memo(lambda file: Notes(file, None))
        self._exists: Memo[str, bool] = Memo(os.path.isfile)
        self._text: Memo[tuple[str, re.Pattern[bytes]], bool] = Memo(_speaks)
        self._modules: dict[tuple[str, str], tuple[str, list[str]] | None] = {}
        self._spaces: dict[str, Names] = {}
        self._leading: dict[str, set[bytes]] = {}
        self._depth = 0

    def bound(self, file: str, imported: Mapping[str, str], stars: Sequence[str]) -> Names:
        """What the imports of a file bind; what leads to other files is looked up when asked for.

        Args:
            file: The file.
            imported: What each imported name stands for; relative imports begin with dots.
            stars: The modules all of whose names are imported.
        """
        names: Names = {}
        for star in stars:
            found = None if is_library(star) else self._module(file, star)
            if found is not None and not found[1]:
                inside = self._space(found[0]).items()
                names.update({name: each for name, each in inside if not name.startswith("_")})
        for name, target in imported.items():
            led = None if is_library(target) else self._module(file, target)
            names[name] = Imported(target) if led is None else self._elsewhere(target, *led)
        return names

    def _elsewhere(self, target: str, path: str, rest: list[str]) -> Elsewhere:
        return Elsewhere(
            target, lambda: self._found(target, path, rest), lambda: self._leads(path, rest)
        )

    def _found(self, target: str, path: str, rest: list[str]) -> Value:
        """What a name of another file stands for, or just its name."""
        if not rest:
            return ModuleFile(path)
        if len(rest) > 1 or self._depth >= _DEEPEST:
            return Imported(target)
        self._depth += 1
        try:
            value = self.member(ModuleFile(path), rest[0])
        finally:
            self._depth -= 1
        return Imported(target) if value is OPAQUE else value

    def member(self, module: ModuleFile, name: str) -> Value:
        """What a name of another file stands for; a package has files for names."""
        value = self._space(module.path).get(name)
        if isinstance(value, Elsewhere):
            return value.find()
        if value is None and module.path.endswith("__init__.py"):
            below = self._file(f"{os.path.dirname(module.path)}/{name}")  # noqa: PTH120 - many a file
            return ModuleFile(below) if below else OPAQUE
        return OPAQUE if value is None else value

    def _leads(self, path: str, rest: list[str]) -> bool:
        """Whether a name of another file leads to a norm there; a whole file, if it has one."""
        if not rest or self._depth >= _DEEPEST:
            return self._text[path, _NORMS]
        hands_on = path.endswith("__init__.py")
        if not hands_on and not self._text[path, _NORMS]:
            return False
        self._depth += 1
        try:
            value = self._space(path).get(rest[0])
            if isinstance(value, Elsewhere):
                return value.matters()
            return rest[0].encode() in self._leading.get(path, ())
        finally:
            self._depth -= 1

    def library(self, file: str, target: str) -> str | None:
        """The module of a library that a file hands on under a name of its own."""
        led = self._module(file, target)
        found = self._found(target, *led) if led else None
        name = found.name if isinstance(found, Imported) else target
        return name if is_library(name) else None

    def leads_to_norms(self, file: str, text: bytes) -> bool:
        """Whether a file calls something that it imports from a file that speaks of norms."""
        for line in _IMPORTED.finditer(text):
            module = line[1].decode(errors="replace")
            if is_library(module):
                continue
            dot = "" if module.endswith(".") else "."
            for name in _WORD.findall(line[2]):
                led = self._module(file, f"{module}{dot}{name.decode(errors='replace')}")
                # Of packages that hand names on, only their own files are asked.
                own = led and len(led[1]) == 1 and self._text[led[0], _NORMS]
                if own and re.search(rb"\b%b\(" % name, text):
                    return True
        return False

    def _module(self, file: str, target: str) -> tuple[str, list[str]] | None:
        """The file that a dotted name leads to, and what of the name is left."""
        folder = os.path.dirname(os.path.abspath(file))  # noqa: PTH100, PTH120 - many a file
        key = folder, target
        if key not in self._modules:
            self._modules[key] = self._sought(folder, target)
        return self._modules[key]

    def _sought(self, folder: str, target: str) -> tuple[str, list[str]] | None:
        if target.startswith("."):
            bare = target.lstrip(".")
            for _ in range(len(target) - len(bare) - 1):
                folder = os.path.dirname(folder)  # noqa: PTH120 - as above
            return self._below(folder, [part for part in bare.split(".") if part])
        parts, below = target.split("."), ""
        for _ in range(_FOLDERS):
            name = os.path.basename(folder)  # noqa: PTH119 - as above
            if name not in _INSTALLED or parts[0] == below:
                found = self._below(folder, parts)
                if found is not None and len(found[1]) < len(parts):
                    return found
            if name in _INSTALLED:
                return None
            below, folder = name, os.path.dirname(folder)  # noqa: PTH120 - as above
        return None

    def _below(self, folder: str, parts: list[str]) -> tuple[str, list[str]] | None:
        """The longest beginning of a dotted name that is a file below a folder."""
        package = f"{folder}/__init__.py"
        found = (package, parts) if self._exists[package] else None
        for index, part in enumerate(parts, 1):
            folder = f"{folder}/{part}"
            path = self._file(folder)
            if path is not None:
                found = path, parts[index:]
        return found

    def _file(self, stem: str) -> str | None:
        for path in (f"{stem}.py", f"{stem}/__init__.py"):
            if self._exists[path]:
                return path
        return None

    def _space(self, path: str) -> Names:
        """What a file defines and imports; empty for one that defines no model."""
        if path not in self._spaces:
            # Files that import one another in a circle see what there is so far.
            self._spaces[path] = {}
            if path.endswith("__init__.py") or self._text[path, _MATTERS]:
                self._spaces[path] = self._read(path)
        return self._spaces[path]

    def _read(self, path: str) -> Names:
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - as above
                text = file.read(_MOST_BYTES + 1)
            if len(text) > _MOST_BYTES:
                return {}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text)
        except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
            return {}
        imported, stars = imports(Index(tree).imports)
        shown = _shown(path)
        names = self.bound(shown, starred(stars) | imported, stars)
        if self._text[path, _NORMS]:
            self._leading[path] = leading(tree, names, text.splitlines())
        run = Interpreter(self.notes[shown], World(()), self)
        with suppress(TooLarge, RecursionError):
            # What it defines; what it does besides is its own business.
            run.execute([each for each in tree.body if isinstance(each, _DEFINING)], names)
        return names


def _speaks(sought: tuple[str, re.Pattern[bytes]]) -> bool:
    """Whether a file speaks of something."""
    path, words = sought
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - many a file
            return words.search(file.read(_MOST_BYTES)) is not None
    except OSError:
        return False


def _shown(path: str) -> str:
    """A file as a user names it."""
    here = os.getcwd() + os.sep  # noqa: PTH109 - many a file
    return path.removeprefix(here)
