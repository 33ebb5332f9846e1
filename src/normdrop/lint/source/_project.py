"""The files beside a file that is read: what its imports of them stand for."""

import ast
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from normdrop.lint.source._index import Index
from normdrop.lint.source._libraries import starred
from normdrop.lint.source._memo import Memo
from normdrop.lint.source._names import imports, is_library
from normdrop.lint.source._notes import Notes
from normdrop.lint.source._run import Interpreter
from normdrop.lint.source._sketch import TooLarge
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
                names[name] = Elsewhere(target, self._finder(file, target))
        return names

    def _finder(self, file: str, target: str) -> Callable[[], Value]:
        return lambda: self._found(file, target)

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
        folder = Path(file).parent
        if target.startswith("."):
            bare = target.lstrip(".")
            for _ in range(len(target) - len(bare) - 1):
                folder = folder.parent
            parts = [part for part in bare.split(".") if part]
            return self._below(folder, parts)
        parts = target.split(".")
        for _ in range(_HIGHEST):
            installed = folder.name in {"site-packages", "dist-packages"}
            if not installed or parts[0] == below:
                found = self._below(folder, parts)
                if found is not None and found[0].parent != folder.parent:
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
        names = self.bound(str(path), starred(stars) | imported, stars)
        run = Interpreter(self.notes[str(path)], World(()), self)
        try:
            # What it defines; what it does besides is its own business.
            run.execute([each for each in tree.body if isinstance(each, _PLAIN)], names)
        except (TooLarge, RecursionError):
            pass
        return names
