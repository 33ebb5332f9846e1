"""Patches of the arguments of a call."""

import ast
import re
from collections.abc import Iterator

from normdrop.mending.patches._script import Edit, Script
from normdrop.values.findings import Finding

Edits = list[Edit]
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMMENT = re.compile(rb"#[^\r\n]*")


def rename_argument(script: Script, finding: Finding) -> Iterator[Edits]:
    """An argument gets the name it has today, or goes."""
    said = finding.fix.what if finding.fix else ""
    for node in script.at(finding.location):
        if isinstance(node, ast.keyword) and node.arg:
            start, _ = script.span(node)
            name = said.removeprefix("write ").removesuffix("=")
            if said == "leave it out":
                yield _without(script, node)
            else:
                yield [Edit(start, start + len(node.arg.encode()), name.encode())]


def hand_on_mode(script: Script, finding: Finding) -> Iterator[Edits]:
    """`training=self.training`."""
    for call in _calls(script, finding):
        owner = _method(script, call)
        if owner is not None:
            yield _given_mode(script, call, b"%s.training" % owner.encode())
        elif (function := _function(script, call)) is not None:
            handed = _handed_on(script, function)
            if handed is not None:
                yield [*_given_mode(script, call, b"training"), *handed]


def _given_mode(script: Script, call: ast.Call, mode: bytes) -> Edits:
    """`training=` of a dropout function, wherever it is written."""
    given = _keyword(call, "training")
    position = call.args[2:3]
    if given is not None:
        return [Edit(*script.span(given.value), mode)]
    if position:
        return [Edit(*script.span(position[0]), mode)]
    return _with(script, call, b"training=" + mode)


def _function(script: Script, call: ast.Call) -> ast.FunctionDef | None:
    """The function of the file that a call stands in, if nothing else is around it."""
    around = [each for each in script.above(call) if isinstance(each, _SCOPES)]
    whole = len(around) == 1 and isinstance(around[0], ast.FunctionDef)
    return around[0] if whole and isinstance(around[0], ast.FunctionDef) else None


def _handed_on(script: Script, function: ast.FunctionDef) -> Edits | None:
    """A last argument `training`, on by default, that each method which calls a function hands on.

    None where the function is named without being called, so that not all its calls are known.
    """
    uses = [
        node
        for node in ast.walk(script.source.tree)
        if isinstance(node, ast.Name) and node.id == function.name
    ]
    calls = [script.parents[each] for each in uses]
    arguments = function.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    edits = _one_more_parameter(script, function, b"training=True")
    if edits is None or "training" in names:
        return None
    for name, called in zip(uses, calls, strict=True):
        if not isinstance(called, ast.Call) or called.func is not name:
            return None
        owner = _method(script, called)
        if owner is not None:
            edits += _with(script, called, b"training=%s.training" % owner.encode())
    return edits if len(edits) > 1 else None


def _one_more_parameter(script: Script, function: ast.FunctionDef, text: bytes) -> Edits | None:
    """One more parameter at the end of a function's own; None where `**` stands there."""
    given = function.args
    if given.kwarg is not None:
        return None
    written: list[ast.expr | ast.arg] = [
        *(*given.posonlyargs, *given.args, *given.kwonlyargs),
        *(each for each in (*given.defaults, *given.kw_defaults) if each is not None),
        *([given.vararg] if given.vararg is not None else []),
    ]
    if not written:
        return None
    _, last = max(script.span(each) for each in written)
    return [Edit(last, last, b", " + text)]


def leave_out_bias(script: Script, finding: Finding) -> Iterator[Edits]:
    """`bias=False`, or `use_bias=False`."""
    name = finding.fix.what.removeprefix("pass ").removesuffix("=False") if finding.fix else ""
    for call in _calls(script, finding):
        given = _keyword(call, name)
        if given is not None:
            yield [Edit(*script.span(given.value), b"False")]
        else:
            yield _with(script, call, f"{name}=False".encode())


def leave_out_argument(script: Script, finding: Finding) -> Iterator[Edits]:
    """An argument is left out, so that the default holds."""
    said = finding.fix.what if finding.fix else ""
    name = said.rpartition(" ")[2].partition("=")[0]
    for call in _calls(script, finding):
        given = _keyword(call, name)
        if given is not None:
            yield _without(script, given)


def turn_momentum(script: Script, finding: Finding) -> Iterator[Edits]:
    """One minus the momentum."""
    value = finding.fix.what.partition("=")[2].encode() if finding.fix else b""
    for call in _calls(script, finding):
        given = _keyword(call, "momentum")
        written = given.value if given is not None else next(iter(call.args[2:3]), None)
        if isinstance(written, ast.Constant):
            yield [Edit(*script.span(written), value)]


def plain_dropout(script: Script, finding: Finding) -> Iterator[Edits]:
    """The plain dropout of the same module."""
    for call in _calls(script, finding):
        name = script.source.name(call.func)
        library, _, layer = name.rpartition(".")
        plain = f"{library}.Dropout"
        if isinstance(call.func, ast.Attribute):
            _, end = script.span(call.func)
            yield [Edit(end - len(layer), end, b"Dropout")]
        elif script.source.imported.get("Dropout") == plain:
            yield [Edit(*script.span(call.func), b"Dropout")]


def _calls(script: Script, finding: Finding) -> Iterator[ast.Call]:
    """The calls at a finding's place, the innermost first: a layer is made before it is called."""
    found = [node for node in script.at(finding.location) if isinstance(node, ast.Call)]
    yield from reversed(found)


def _keyword(call: ast.Call, name: str) -> ast.keyword | None:
    return next((each for each in call.keywords if each.arg == name), None)


def _method(script: Script, node: ast.AST) -> str | None:
    """What the method around a node calls its instance."""
    functions = [
        each
        for each in script.above(node)
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    if not functions or not isinstance(script.parents.get(functions[-1]), ast.ClassDef):
        return None
    arguments = [*functions[-1].args.posonlyargs, *functions[-1].args.args]
    return arguments[0].arg if arguments else None


def _with(script: Script, call: ast.Call, text: bytes) -> Edits:
    """One more argument, in the layout the others have."""
    _, end = script.span(call)
    given = _arguments(script, call)
    if not given:
        return [Edit(end - 1, end - 1, text)]
    last_start, last = script.span(given[-1])
    # Brackets around the last argument are not part of its span.
    tail = _COMMENT.sub(lambda found: b" " * len(found[0]), script.code[last : end - 1])
    last += tail.rfind(b")") + 1
    comma = script.code[last : end - 1].find(b",") if b"," in tail else -1
    line, after = script.line_of(last)
    own_line = not script.code[line:last_start].strip() and after < end
    if comma >= 0 and own_line:
        indent = script.code[line:last_start]
        return [Edit(after, after, indent + text + b"," + script.newline)]
    if comma >= 0:
        return [Edit(last + comma + 1, last + comma + 1, b" " + text + b",")]
    return [Edit(last, last, b", " + text)]


def _without(script: Script, keyword: ast.keyword) -> Edits:
    """One argument less."""
    call = script.parents[keyword]
    assert isinstance(call, ast.Call)  # noqa: S101 - the only parent of such a keyword
    given = _arguments(script, call)
    position = given.index(keyword)
    start, end = script.span(keyword)
    lines = script.whole_lines(start, end, comma=True)
    if lines is not None:
        return [Edit(*lines, b"")]
    if position + 1 < len(given):
        return [Edit(start, script.span(given[position + 1])[0], b"")]
    if position > 0:
        return [Edit(script.span(given[position - 1])[1], end, b"")]
    return [Edit(start, end, b"")]


def _arguments(script: Script, call: ast.Call) -> list[ast.expr | ast.keyword]:
    """All arguments in the order they are written."""
    given: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    return sorted(given, key=lambda each: script.span(each)[0])
