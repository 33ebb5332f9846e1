"""A layer that moves within the list of layers it stands in."""

import ast
import re
from collections.abc import Iterator

from normdrop.mending.patches._script import Edit, Mending, Script
from normdrop.values.findings import Finding
from normdrop.values.location import Location
from normdrop.values.operations import ACTIVATIONS

_NAMES = [name for each in ACTIVATIONS.values() if each.in_order for name in each.names]
_ACTIVATION = re.compile(
    "|".join((*_NAMES, "activation", "(?<![a-z])act(?![a-z])")).encode(), re.IGNORECASE
)
_BETWEEN = re.compile(rb"\s*,\s*")


def is_activation(text: bytes) -> bool:
    """Whether the text that makes or calls a layer names an activation."""
    return bool(_ACTIVATION.search(text))


def later(script: Script, finding: Finding) -> Iterator[Mending]:
    """The layer behind each of those after it, behind the activation of a norm if it has one."""
    for elements, index in _lists(script, finding.location):
        for place in behind([script.text(each) for each in elements[index + 1 :]]):
            target = index + 1 + place
            for edits in _moved(script, elements, index, target):
                yield Mending(edits, script.span(elements[target]))


def earlier(script: Script, finding: Finding) -> Iterator[Mending]:
    """The layer before each of those before it, the nearest first."""
    for elements, index in _lists(script, finding.location):
        for place in range(index - 1, -1, -1):
            start, _ = script.span(elements[place])
            taken = _taken(script, elements, index)
            if taken is not None:
                text = script.text(elements[index])
                lines = _own_lines(script, elements[place]), _own_lines(script, elements[index])
                if lines[0] and lines[1]:
                    moved = _with_comma(script, elements[index], lines[1])
                    yield Mending([Edit(*lines[1], b""), Edit(lines[0][0], lines[0][0], moved)])
                else:
                    yield Mending([taken, Edit(start, start, text + b", ")])


def behind(texts: list[bytes]) -> Iterator[int]:
    """Positions to stand behind: for each, first behind the activations that follow it."""
    for index in range(len(texts)):
        last = index
        while last + 1 < len(texts) and is_activation(texts[last + 1]):
            last += 1
        yield from range(last, index - 1, -1)


def left_out(script: Script, place: Location) -> Iterator[list[Edit]]:
    """The list of layers without the one at a place."""
    for elements, index in _lists(script, place):
        lines = _own_lines(script, elements[index])
        taken = Edit(*lines, b"") if lines else _taken(script, elements, index)
        if taken is not None and len(elements) > 1:
            yield [taken]


def _lists(script: Script, place: Location | None) -> Iterator[tuple[list[ast.expr], int]]:
    """The lists of layers that the layer at a place is an element of."""
    for node in script.at(place):
        if not isinstance(node, ast.Call):
            continue
        parent = script.parents.get(node)
        if isinstance(parent, ast.List | ast.Tuple) and node in parent.elts:
            yield list(parent.elts), parent.elts.index(node)
        elif (
            isinstance(parent, ast.Call)
            and node in parent.args
            and _last_name(parent.func).endswith("Sequential")
        ):
            yield list(parent.args), parent.args.index(node)


def _last_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _moved(
    script: Script, elements: list[ast.expr], index: int, target: int
) -> Iterator[list[Edit]]:
    """One element behind another."""
    element = elements[index]
    lines, target_lines = _own_lines(script, element), _own_lines(script, elements[target])
    _, end = script.span(elements[target])
    if lines and target_lines:
        moved = _with_comma(script, element, lines)
        if b"," in script.code[end : target_lines[1]].partition(b"#")[0]:
            yield [Edit(*lines, b""), Edit(target_lines[1], target_lines[1], moved)]
        else:
            at_end = b"" if moved.endswith((b"\n", b"\r")) else script.newline
            yield [
                *(Edit(*lines, b""), Edit(end, end, b",")),
                Edit(target_lines[1], target_lines[1], moved + at_end),
            ]
        return
    taken = _taken(script, elements, index)
    if taken is not None:
        yield [taken, Edit(end, end, b", " + script.text(element))]


def _with_comma(script: Script, element: ast.expr, lines: tuple[int, int]) -> bytes:
    """The lines of an element, which end in a comma."""
    _, end = script.span(element)
    rest = script.code[end : lines[1]]
    if b"," in rest.partition(b"#")[0]:
        return script.code[lines[0] : lines[1]]
    return script.code[lines[0] : end] + b"," + rest


def _own_lines(script: Script, element: ast.expr) -> tuple[int, int] | None:
    return script.whole_lines(*script.span(element), comma=True)


def _taken(script: Script, elements: list[ast.expr], index: int) -> Edit | None:
    """The removal of an element and one comma; None where more than that stands around it."""
    start, end = script.span(elements[index])
    if index + 1 < len(elements):
        following, _ = script.span(elements[index + 1])
        clean = _BETWEEN.fullmatch(script.code[end:following])
        return Edit(start, following, b"") if clean else None
    _, before = script.span(elements[index - 1])
    clean = _BETWEEN.fullmatch(script.code[before:start])
    return Edit(before, end, b"") if clean else None
