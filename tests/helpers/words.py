"""Which words a package uses for more than one thing."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

_TWINS = {"torch", "keras", "verbs"}
"""A class may stand once in each: as both frameworks have it, and as the verbs ask for it."""


def colliding_words(package: Path) -> Mapping[str, list[str]]:
    """Names of classes and of public functions that several files define, with those files.

    An underscore before a class makes no other word of it.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(package.rglob("*.py")):
        for word in set(_defined(ast.parse(file.read_text()))):
            found[word].append(str(file.relative_to(package)))
    return {word: files for word, files in found.items() if not _are_twins(files)}


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name.lstrip("_")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name


def _are_twins(files: list[str]) -> bool:
    rooms = [Path(file).parts[0] for file in files]
    return len(files) == 1 or (len(set(rooms)) == len(rooms) and set(rooms) <= _TWINS)
