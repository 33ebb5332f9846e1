"""Where models are described in a file: its body, its functions and its classes of modules."""

import ast
from collections.abc import Iterator

from normdrop.graph import Kind

from ._arguments import Arguments
from ._calls import Names, method, module_kind
from ._run import Run
from ._sketch import Sketch, TooLarge
from ._values import Chain, Class, Flow, Function, Imported, Instance
from ._worlds import World, worlds

_LIBRARIES = ("torch", "keras")


def sketches(file: str, tree: ast.Module, imported: Names) -> Iterator[Sketch]:
    """Every model, and part of a model, that the file describes."""
    framework = _framework(imported)
    if framework is None:
        return
    shared = dict(imported)
    whole = Run(file, shared, World(()))
    try:
        whole.body(tree.body, shared)
        yield from _drawn(whole, framework)
    except (TooLarge, RecursionError):
        pass
    relevant = _relevant(tree, imported)
    for owner, function in _functions(tree):
        if function.name in relevant or (owner and owner.name in relevant):
            yield from _explored(file, shared, owner, function, framework)


def _framework(imported: Names) -> str | None:
    roots = {value.name.partition(".")[0] for value in imported.values() if isinstance(value, Imported)}
    return next((each for each in _LIBRARIES if each in roots), "keras" if "tensorflow" in roots else None)


def _functions(tree: ast.Module) -> Iterator[tuple[ast.ClassDef | None, ast.FunctionDef]]:
    """Functions of the module and methods of its classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield None, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield node, inner


def _relevant(tree: ast.Module, imported: Names) -> set[str]:
    """Functions and classes that make a norm or noise, or call something of the file that does."""
    mentions: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            words = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            words |= {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
            mentions[node.name] = words
    found = {name for name, words in mentions.items() if any(map(_matters, words))}
    while True:
        more = {name for name, words in mentions.items() if words & found} - found
        if not more:
            return found
        found |= more


def _matters(word: str) -> bool:
    lower = word.lower()
    return "dropout" in lower or "batchnorm" in lower


def _explored(
    file: str,
    shared: Names,
    owner: ast.ClassDef | None,
    function: ast.FunctionDef,
    framework: str,
) -> Iterator[Sketch]:
    """One function, or one class by its forward, in all its worlds."""
    kind = module_kind(Class(owner, shared)) if owner else None
    if kind and owner and function.name not in {"forward", "call"}:
        return
    for world in worlds():
        run = Run(file, shared, world)
        try:
            _start(run, shared, owner, function, is_module=kind is not None)
            yield from _drawn(run, kind or framework)
        except (TooLarge, RecursionError):
            return


def _start(
    run: Run,
    shared: Names,
    owner: ast.ClassDef | None,
    function: ast.FunctionDef,
    *,
    is_module: bool,
) -> None:
    """Call a function with nothing known of its arguments, or make a module and call it."""
    if owner is None or not is_module:
        this = Instance(Class(owner, shared), run.place(owner)) if owner else None
        result = run.enter(Function(function, shared), Arguments(), this)
    else:
        made = Instance(Class(owner, shared), run.place(owner), used=True)
        start = method(made.made_of, "__init__")
        if start is not None:
            run.enter(start, Arguments(), made)
        result = run.enter(Function(function, shared), Arguments(), made)
    if isinstance(result, Flow):
        run.draft.outputs.append(result.node)
    elif isinstance(result, Chain) and not result.used:
        run.lower(result)


def _drawn(run: Run, framework: str) -> Iterator[Sketch]:
    """What flowed in a run, and every model it made and did not call."""
    for made in [*run.chains, *run.instances]:
        if not made.used:
            run.lower(made)
    if any(node.kind in {Kind.NORM, Kind.NOISE} for node in run.draft.nodes):
        yield run.draft.sketch(framework)
