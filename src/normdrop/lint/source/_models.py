"""Where models are described in a file: its body, its functions and its classes of modules."""

import ast
from collections.abc import Generator, Hashable, Iterator, Sequence
from dataclasses import dataclass

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._interpreter import Interpreter, Surroundings
from normdrop.lint.source._names import MODEL_WORDS
from normdrop.lint.source._notes import Notes
from normdrop.lint.source._possible_ways import World, worlds
from normdrop.lint.source._sketch import Draft, Sketch, TooLarge
from normdrop.lint.source._values import (
    FORWARDS,
    Class,
    Elsewhere,
    FunctionValue,
    Instance,
    Names,
    SequentialValue,
    TensorValue,
    Value,
    definitions,
    is_sequential,
    method,
    module_kind,
)
from normdrop.lint.source._worth_reading import Reach
from normdrop.shifts.graph import Kind
from normdrop.values.location import Location

# A function this long is followed on no further way.
_ENOUGH_STEPS = 3000
# Who speaks of these knows that channels may come first.
_FORMATS = (b"channels_first", b"data_format", b"dim_ordering", b"theano")
_NORMS = [word.encode() for word in MODEL_WORDS]


@dataclass(frozen=True, slots=True)
class _Root:
    """A function and the class it is a method of; or a class of modules, and how it is called."""

    function: ast.FunctionDef | None
    owner: ast.ClassDef | None
    is_module: bool


def sketches(  # noqa: PLR0917 - a file, what is around it, and where it was left
    file: str,
    tree: ast.Module,
    imported: Names,
    lines: Sequence[bytes],
    project: Surroundings,
    stops: list[tuple[Location, str]],
) -> Iterator[Sketch]:
    """Every model, and part of a model, that the file describes; each once.

    Args:
        file: Its path.
        tree: Its syntax tree.
        imported: What its imports stand for.
        lines: Its lines.
        project: The files around it.
        stops: Takes the places where following stopped short, and why.
    """
    text = b"\n".join(lines)
    if not any(word in text for word in _NORMS) and not any(
        isinstance(value, Elsewhere) and value.matters() for value in imported.values()
    ):
        return
    reach = Reach(tree, imported, lines)
    if not reach:
        return
    plain = not any(word in text for word in _FORMATS)
    notes = Notes(file, lines if b"yield" in text else (), channels_last=plain)
    seen: set[Hashable] = set()
    for draft in _drafts(notes, tree, dict(imported), reach, project, stops):
        # A condition often decides nothing that is drawn.
        if draft.content not in seen:
            seen.add(draft.content)
            yield draft.sketch()


def _drafts(  # noqa: PLR0917 - as above
    notes: Notes,
    tree: ast.Module,
    shared: Names,
    reach: Reach,
    project: Surroundings,
    stops: list[tuple[Location, str]],
) -> Iterator[Draft]:
    """What the module's body draws, and each function and class worth following."""
    whole = Interpreter(notes, World(()), project)
    try:
        whole.body(tree.body, shared)
        yield from _drawn(whole)
    except (TooLarge, RecursionError):
        stops.append(
            (Location(notes.file, 1, 1), "the body of the file does more than is followed")
        )
    for root in _roots(notes.file, tree, shared):
        segment = root.owner if root.owner and root.is_module else root.function
        if segment is not None and segment in reach:
            cut = yield from _explored(notes, shared, root, project)
            if cut:
                stops.append((notes.place[segment], f"{segment.name} {cut}"))


def _roots(file: str, tree: ast.Module, shared: Names) -> Iterator[_Root]:
    """Functions of the module, methods of its classes, and what its modules do when called."""
    for node in definitions(tree.body):
        if isinstance(node, ast.FunctionDef):
            yield _Root(node, None, is_module=False)
            continue
        made_of = Class(node, shared, file)
        is_module = module_kind(made_of) is not None
        own = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
        called = [inner for inner in own if not is_module or inner.name in FORWARDS]
        for inner in called:
            yield _Root(inner, node, is_module)
        if is_module and not called and _is_called(made_of):
            yield _Root(None, node, is_module)


def _is_called(made_of: Class) -> bool:
    """Whether the file shows what a class without a forward of its own does when it is called."""
    return is_sequential(made_of) or any(method(made_of, name) for name in FORWARDS)


def _explored(
    notes: Notes, shared: Names, root: _Root, project: Surroundings
) -> Generator[Draft, None, str]:
    """One function, or one class by its forward, in all its worlds; what was cut short."""
    steps = 0
    for world in worlds():
        if steps > _ENOUGH_STEPS:
            return "has more ways to go than are followed"
        run = Interpreter(notes, world, project)
        try:
            _start(run, notes.file, shared, root)
            yield from _drawn(run)
            steps += run.steps
        except (TooLarge, RecursionError):
            return "does more than is followed"
    return ""


def _start(run: Interpreter, file: str, shared: Names, root: _Root) -> None:
    """Call a function with nothing known of its arguments, or make a module and call it."""
    owner: Instance | None = None
    result: Value | None = None
    if root.owner is not None:
        owner = Instance(Class(root.owner, shared, file), run.place(root.owner), used=True)
        if root.is_module:
            run.construct(owner, Arguments())
    if root.function is not None:
        result = run.enter(FunctionValue(root.function, shared, file), Arguments(), owner)
    elif owner is not None:
        result = run.forward(owner, Arguments(), owner.place)
    if isinstance(result, FunctionValue):
        # `def block(width): def apply(x): ...; return apply`
        result = run.enter(result, Arguments())
    if isinstance(result, TensorValue):
        run.draft.outputs.append(result.node)
    elif isinstance(result, SequentialValue) and not result.used:
        run.lower(result)


def _drawn(run: Interpreter) -> Iterator[Draft]:
    """What flowed in a run, and every model it made and did not call."""
    models: list[SequentialValue | Instance] = [*run.chains, *run.instances]
    for made in models:
        if not made.used:
            run.lower(made)
    if any(each.part.kind in {Kind.NORM, Kind.NOISE} for each in run.draft.drawn):
        yield run.draft
