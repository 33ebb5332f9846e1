"""Which file of a package imports which, at the top, in functions and for types alone."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TypeAlias

ImportGraph: TypeAlias = Mapping[str, frozenset[str]]
"""Modules by dotted name, each with the modules of the same package that it imports."""


def import_graph(package: Path) -> ImportGraph:
    """The graph of a package's folder."""
    files = {_name(package, file): file for file in sorted(package.rglob("*.py"))}
    return {
        name: frozenset(
            found if found in files else found.rpartition(".")[0]
            for found in _imported(name, file)
            if found.partition(".")[0] == package.name
        )
        for name, file in files.items()
    }


def _name(package: Path, file: Path) -> str:
    parts = file.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(name: str, file: Path) -> Iterator[str]:
    """Dotted paths: of modules, and of the names taken out of them."""
    folder = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(level=0, module=str(module)):
                if "." not in module:
                    yield module  # the package itself, whose names come from anywhere in it
                yield from (f"{module}.{alias.name}" for alias in node.names)
            case ast.ImportFrom(module=module, level=level):
                above = ".".join(folder.split(".")[: len(folder.split(".")) - level + 1])
                start = f"{above}.{module}" if module else above
                yield from (f"{start}.{alias.name}" for alias in node.names)


def circles(graph: ImportGraph) -> set[frozenset[str]]:
    """Files that import each other, once around; one circle of each knot at least."""
    left, found = {name: set(imported) for name, imported in graph.items()}, set()
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            before, after, *_ = circle = error.args[1]
            left[after].remove(before)  # look for the next one
            found.add(frozenset(circle))
        else:
            return found


def private_imports(graph: ImportGraph) -> set[tuple[str, str]]:
    """Who imports a private module from outside the folder that it lies in."""
    return {
        (name, found)
        for name, imported in graph.items()
        for found in imported
        if (room := _private_to(found)) is not None and not f"{name}.".startswith(f"{room}.")
    }


def _private_to(name: str) -> str | None:
    """The folder whose own a module is: the one that holds the first private name of its path."""
    parts = name.split(".")
    private = (number for number, part in enumerate(parts) if _is_private(part))
    number = next(private, None)
    return None if number is None else ".".join(parts[:number])


def _is_private(part: str) -> bool:
    return part.startswith("_") and not part.startswith("__")
