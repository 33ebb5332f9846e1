"""A layer that moves along the statements or nested calls a tensor flows through."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from normdrop.mending.patches._layer_lists import behind
from normdrop.mending.patches._script import Edit, Mending, Script
from normdrop.values.findings import Finding
from normdrop.values.location import Location

_GROWING = {"add", "append", "add_module"}


@dataclass(frozen=True, slots=True)
class _Stop:
    """A place behind which the layer may stand.

    Attributes:
        text: The text that makes or calls what stands there.
        start: Where its call starts.
        edits: What puts the layer there.
    """

    text: bytes
    start: int
    edits: list[Edit]


def along_statements(script: Script, finding: Finding) -> Iterator[Mending]:
    """`model.add(layer)` behind each later `model.add(...)` of the same model."""
    for call in _calls(script, finding.location):
        statement = script.statement(call)
        if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
            continue
        receiver = _receiver(script, statement)
        if receiver is None or call is statement.value:
            continue
        body = _body(script, statement)
        following = body[body.index(statement) + 1 :]
        others = [each for each in following if _receiver(script, each) == receiver]
        for place in behind([script.text(each) for each in others]):
            for edits in _statement_moved(script, statement, others[place]):
                yield Mending(edits, script.span(others[place]))


def along_flow(script: Script, finding: Finding) -> Iterator[Mending]:
    """`x = layer(x)`, or a layer in a nest of calls, behind each of the calls that follow it."""
    for call in _calls(script, finding.location):
        statement = script.statement(call)
        if statement is None or not call.args or not isinstance(statement, ast.Assign | ast.Return):
            continue
        removal, wrap = _removal(script, call, statement)
        if removal is None:
            continue
        stops = list(_stops(script, call, statement, wrap))
        for place in behind([stop.text for stop in stops]):
            stop = stops[place]
            yield Mending([*removal, *stop.edits], (stop.start, stop.start + 1))


def removed(script: Script, place: Location) -> Iterator[list[Edit]]:
    """A layer that is taken out of the statement or the nest of calls at a place."""
    for call in _calls(script, place):
        statement = script.statement(call)
        if statement is not None and _receiver(script, statement) and call is not statement.value:  # type: ignore[attr-defined] # an expression
            lines = script.whole_lines(*script.span(statement))
            if lines:
                yield [Edit(*lines, b"")]
        elif call.args and isinstance(statement, ast.Assign | ast.Return):
            removal, _ = _removal(script, call, statement)
            if removal is not None:
                yield removal


def _calls(script: Script, place: Location | None) -> Iterator[ast.Call]:
    """The calls at a place, the outermost first: a layer's call before its making."""
    for node in script.at(place):
        if isinstance(node, ast.Call):
            yield node


def _removal(
    script: Script, call: ast.Call, statement: ast.stmt
) -> tuple[list[Edit] | None, tuple[bytes, bytes]]:
    """What takes the layer out, and what stands before and after its input."""
    start, end = script.span(call)
    first, last = script.span(call.args[0])
    wrap = script.code[start:first], script.code[last:end]
    if any(mark in part for part in wrap for mark in (b"#", b"\n", b"\r")):
        return None, wrap
    if _is_step(statement) and getattr(statement, "value", None) is call:
        lines = script.whole_lines(*script.span(statement))
        return ([Edit(*lines, b"")] if lines else None), wrap
    return [Edit(start, first, b""), Edit(last, end, b"")], wrap


def _stops(
    script: Script, call: ast.Call, statement: ast.stmt, wrap: tuple[bytes, bytes]
) -> Iterator[_Stop]:
    """The calls behind which the layer may stand, in the order of the flow."""
    for each in script.above(call):
        if not isinstance(each, ast.Call):
            break
        if each.args and call in ast.walk(each.args[0]):
            yield _wrapped(script, each, wrap)
    name = _variable(statement)
    if name is None:
        return
    whole = _is_step(statement) and getattr(statement, "value", None) is call
    for following, load in _steps_after(script, statement, name):
        for each in script.above(load):
            if (
                not isinstance(each, ast.Call)
                or not each.args
                or load not in ast.walk(each.args[0])
            ):
                break
            if whole and isinstance(following, ast.Assign) and each is following.value:
                yield _behind(script, statement, following, each)
            else:
                yield _wrapped(script, each, wrap)


def _steps_after(
    script: Script, statement: ast.stmt, name: str
) -> Iterator[tuple[ast.stmt, ast.Name]]:
    """The statements `x = f(x)` after one, with the x they read, up to any other use of x."""
    body = _body(script, statement)
    for following in body[body.index(statement) + 1 :]:
        uses = [
            node for node in ast.walk(following) if isinstance(node, ast.Name) and node.id == name
        ]
        loads = [node for node in uses if isinstance(node.ctx, ast.Load)]
        if not uses:
            continue
        if len(loads) != 1 or not isinstance(following, ast.Return | ast.Assign):
            return
        if isinstance(following, ast.Assign) and _variable(following) != name:
            return
        yield following, loads[0]


def _wrapped(script: Script, call: ast.Call, wrap: tuple[bytes, bytes]) -> _Stop:
    start, end = script.span(call)
    named = script.code[start : script.span(call.args[0])[0]]
    return _Stop(named, start, [Edit(start, start, wrap[0]), Edit(end, end, wrap[1])])


def _behind(script: Script, statement: ast.stmt, target: ast.stmt, call: ast.Call) -> _Stop:
    """The statement behind another; its removal is made elsewhere."""
    start, _ = script.span(call)
    named = script.code[start : script.span(call.args[0])[0]]
    lines = script.whole_lines(*script.span(statement))
    behind_lines = script.line_of(script.span(target)[1] - 1)[1]
    text = script.code[slice(*lines)] if lines else b""
    return _Stop(named, start, [_inserted(script, behind_lines, text)])


def _statement_moved(script: Script, statement: ast.stmt, target: ast.stmt) -> Iterator[list[Edit]]:
    lines = script.whole_lines(*script.span(statement))
    behind_lines = script.whole_lines(*script.span(target))
    if lines and behind_lines:
        text = script.code[slice(*lines)]
        yield [Edit(*lines, b""), _inserted(script, behind_lines[1], text)]


def _inserted(script: Script, offset: int, text: bytes) -> Edit:
    """Whole lines at an offset; at the end of a text whose last line has no end, after one."""
    before = script.code[:offset]
    if before and not before.endswith((b"\n", b"\r")):
        return Edit(offset, offset, script.newline + text.rstrip(b"\r\n"))
    return Edit(offset, offset, text)


def _is_step(statement: ast.stmt) -> bool:
    """Whether it is `x = f(x)` for one name, where f is one call."""
    name = _variable(statement)
    value = getattr(statement, "value", None)
    if name is None or not isinstance(value, ast.Call) or not value.args:
        return False
    first = value.args[0]
    return isinstance(first, ast.Name) and first.id == name


def _variable(statement: ast.stmt) -> str | None:
    """The one name that an assignment binds."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0]
    return target.id if isinstance(target, ast.Name) else None


def _receiver(script: Script, statement: ast.stmt) -> bytes | None:
    """`model.add` of the statement `model.add(...)`."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return None
    function = statement.value.func
    if isinstance(function, ast.Attribute) and function.attr in _GROWING:
        return script.text(function)
    return None


def _body(script: Script, statement: ast.stmt) -> list[ast.stmt]:
    """The statements beside one, itself included."""
    parent = script.parents[statement]
    for field in ("body", "orelse", "finalbody"):
        body = getattr(parent, field, None)
        if isinstance(body, list) and statement in body:
            return body
    return [statement]
