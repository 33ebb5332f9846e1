"""The files beside a file that is read: what its imports of them stand for."""

import ast
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from normdrop.lint.source._index import Index
from normdrop.lint.source._keras_layers import KERAS_NOISE_AND_NORMS
from normdrop.lint.source._libraries import starred
from normdrop.lint.source._memo import Memo
from normdrop.lint.source._names import MODEL_WORDS, imports, is_library
from normdrop.lint.source._notes import Notes
from normdrop.lint.source._run import Interpreter
from normdrop.lint.source._sketch import TooLarge
from normdrop.lint.source._torch_layers import TORCH_NOISE_AND_NORMS
from normdrop.lint.source._values import (
    OPAQUE,
    Elsewhere,
    Imported,
    ModuleFile,
    Names,
    Opaque,
    Value,
)
from normdrop.lint.source._worlds import World

# A file in which none of these words stands defines nothing that is followed.
_MATTERS = re.compile(rb"[Dd]ropout|BatchNorm|\bnn\.|\bimport[ \t(]+keras|\blayers\b|Sequential")
_DRAWS = re.compile(f"{TORCH_NOISE_AND_NORMS}|{KERAS_NOISE_AND_NORMS}".encode())
_NORMS = re.compile("|".join(MODEL_WORDS).encode())
_IMPORTED = re.compile(rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n(#]+)", re.MULTILINE)
_WORDS = frozenset({b"as", b"import"})
_MOST_BYTES = 400_000
# How many folders above a file may hold what it imports by a full name.
_HIGHEST = 3
# How many imports of imports are followed.
_DEEPEST = 6
_PLAIN = (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.If, ast.Try)


class Project:
    """Files that import one another, each read once, and only where a name leads to it."""

    def __init__(self) -> None:
        self.notes: Memo[str, Notes] = Memo(lambda file: Notes(file, None))
        self._exists: Memo[Path, bool] = Memo(Path.is_file)
        self._spaces: dict[Path, Names] = {}
        self._norms: Memo[Path, bool] = Memo(_norms)
        self._draws: Memo[Path, bool] = Memo(_draws)
        self._depth = 0

    def bound(self, file: str, imported: Mapping[str, str], stars: Sequence[str]) -> Names:
        """What the imports of a file bind; what leads to other files is looked up when asked for.

        Args:
            file: The file.
            imported: What each imported name stands for; relative imports begin with a dot.
            stars: The modules all of whose names are imported.
        """
        names: Names = {}
        for star in stars:
            found = self._module(file, star)
            if found is not None:
                names.update(self._public(found[0]))
        for name, target in imported.items():
            if is_library(target):
                names[name] = Imported(target)
            else:
                names[name] = self._elsewhere(file, target)
        return names

    def _elsewhere(self, file: str, target: str) -> Elsewhere:
        return Elsewhere(
            target, lambda: self._found(file, target), lambda: self._matters(file, target)
        )

    def _matters(self, file: str, target: str) -> bool:
        """Whether the file that an import leads to may draw noise or a norm."""
        module = self._module(file, target)
        if module is None or self._depth >= _DEEPEST:
            return False
        path, rest = module
        if path.name != "__init__.py" or not rest:
            return self._draws[path]
        self._depth += 1
        try:
            # A package hands on what stands in its files.
            value = self._space(path).get(rest[0])
            return value.matters() if isinstance(value, Elsewhere) else self._draws[path]
        finally:
            self._depth -= 1

    def _public(self, path: Path) -> Names:
        names = self._space(path)
        return {name: value for name, value in names.items() if not name.startswith("_")}

    def _found(self, file: str, target: str) -> Value:
        """What an import stands for: a value of another file, or just its name."""
        if self._depth >= _DEEPEST:
            return Imported(target)
        self._depth += 1
        try:
            module = self._module(file, target)
            if module is None:
                return Imported(target)
            path, rest = module
            value: Value = self.member(ModuleFile(str(path)), rest[0]) if rest else OPAQUE
            if not rest:
                return ModuleFile(str(path))
            if len(rest) > 1 or isinstance(value, Opaque):
                return Imported(target)
            return value
        finally:
            self._depth -= 1

    def leads_to_norms(self, file: str, text: bytes) -> bool:
        """Whether a file calls something whose name it imports from a file that speaks of norms."""
        for line in _IMPORTED.finditer(text):
            module = line[1].decode(errors="replace")
            if is_library(module):
                continue
            for name in re.findall(rb"\w+", line[2]):
                if name not in _WORDS and re.search(rb"\b%b\(" % name, text):
                    led = f"{module}.{name.decode()}".replace("..", ".", module.endswith("."))
                    path = self._defining(file, led)
                    if path is not None and self._norms[path]:
                        return True
        return False

    def _defining(self, file: str, target: str) -> Path | None:
        """The file in which an imported name is defined, through what packages hand on."""
        module = self._module(file, target)
        return module[0] if module is not None and module[1] else None

    def library(self, file: str, target: str) -> str | None:
        """The module of a library that a file hands on under a name of its own."""
        found = self._found(file, target)
        if isinstance(found, Imported) and is_library(found.name) and found.name != target:
            return found.name
        return None

    def member(self, module: ModuleFile, name: str) -> Value:
        """A name of another file, or a file below it."""
        path = Path(module.path)
        value = self._space(path).get(name)
        if isinstance(value, Elsewhere):
            value = value.find()
        if value is None and path.name == "__init__.py":
            below = self._file(path.parent / name)
            return ModuleFile(str(below)) if below else OPAQUE
        return OPAQUE if value is None else value

    def _module(self, file: str, target: str) -> tuple[Path, list[str]] | None:
        """The file that a dotted name leads to, and what of the name is left."""
        folder = Path(os.path.abspath(file)).parent  # noqa: PTH100 - links are no other folders
        if target.startswith("."):
            bare = target.lstrip(".")
            for _ in range(len(target) - len(bare) - 1):
                folder = folder.parent
            parts = [part for part in bare.split(".") if part]
            return self._below(folder, parts)
        parts, below = target.split("."), ""
        for _ in range(_HIGHEST):
            installed = folder.name in {"site-packages", "dist-packages"}
            if not installed or parts[0] == below:
                found = self._below(folder, parts)
                if found is not None and len(found[1]) < len(parts):
                    return found
            if installed or folder.parent == folder:
                return None
            below = folder.name
            folder = folder.parent
        return None

    def _below(self, folder: Path, parts: list[str]) -> tuple[Path, list[str]] | None:
        """The longest beginning of a dotted name that is a file below a folder."""
        found = (folder / "__init__.py", parts) if self._exists[folder / "__init__.py"] else None
        for index in range(len(parts)):
            folder /= parts[index]
            path = self._file(folder)
            if path is not None:
                found = path, parts[index + 1 :]
        return found

    def _file(self, stem: Path) -> Path | None:
        for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
            if self._exists[path]:
                return path
        return None

    def _space(self, path: Path) -> Names:
        """What a file defines and imports; empty for one that defines no model."""
        if path not in self._spaces:
            # Files that import one another in a circle see what there is so far.
            self._spaces[path] = {}
            self._spaces[path] = self._read(path)
        return self._spaces[path]

    def _read(self, path: Path) -> Names:
        try:
            text = path.read_bytes()
            if len(text) > _MOST_BYTES or (path.stem != "__init__" and not _MATTERS.search(text)):
                return {}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text)
        except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
            return {}
        found = Index(tree)
        imported, stars = imports(found.imports)
        shown = _shown(path)
        names = self.bound(shown, starred(stars) | imported, stars)
        run = Interpreter(self.notes[shown], World(()), self)
        try:
            # What it defines; what it does besides is its own business.
            run.execute([each for each in tree.body if isinstance(each, _PLAIN)], names)
        except (TooLarge, RecursionError):
            pass
        return names


def _draws(path: Path) -> bool:
    try:
        return _DRAWS.search(path.read_bytes()) is not None
    except OSError:
        return False


def _norms(path: Path) -> bool:
    try:
        return _NORMS.search(path.read_bytes()) is not None
    except OSError:
        return False


def _shown(path: Path) -> str:
    """A file as a user names it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
