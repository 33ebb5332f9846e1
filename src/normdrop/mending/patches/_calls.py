"""Patches of what is called and where."""

import ast
from collections.abc import Iterator

from normdrop.mending.patches._script import Edit, Script
from normdrop.values.findings import Finding

Edits = list[Edit]
_UNINDENTED = b"    "


def make_in_constructor(script: Script, finding: Finding) -> Iterator[Edits]:
    """The module is made in `__init__`, and called in `forward`."""
    for node in script.at(finding.location):
        made = script.parents.get(node)
        if (
            not isinstance(node, ast.Call)
            or not isinstance(made, ast.Call)
            or made.func is not node
        ):
            continue
        owner = next((each for each in script.above(node) if isinstance(each, ast.ClassDef)), None)
        constant = [*node.args, *(each.value for each in node.keywords)]
        if owner is None or not all(isinstance(each, ast.Constant) for each in constant):
            continue
        name = _unused(owner)
        making = b"self.%s = %s" % (name, script.text(node))
        constructor = _in_constructor(script, owner, making)
        if constructor is not None:
            yield [Edit(*script.span(node), b"self." + name), constructor]


def use_output(script: Script, finding: Finding) -> Iterator[Edits]:
    """`x = layer(...)(x)`."""
    for node in script.at(finding.location):
        statement = script.parents.get(node)
        if not isinstance(node, ast.Call) or not isinstance(statement, ast.Expr):
            continue
        start, end = script.span(node)
        # A layer that is kept, or a function, is called; a class makes a layer.
        called = ast.unparse(node.func).rpartition(".")[2][:1].islower()
        if isinstance(node.func, ast.Call) or called:
            given = node.args[0] if len(node.args) == 1 or (called and node.args) else None
            if isinstance(given, ast.Name):
                yield [Edit(start, start, given.id.encode() + b" = ")]
        elif (name := _bound_before(script, statement)) is not None:
            yield [Edit(start, start, name + b" = "), Edit(end, end, b"(" + name + b")")]


def noise_as_factor(script: Script, finding: Finding) -> Iterator[Edits]:
    """`x + r` becomes `x * (1 + r)`."""
    for forward in script.at(finding.location):
        if not isinstance(forward, ast.FunctionDef):
            continue
        names = {each.arg for each in forward.args.args[1:2]}
        for node in ast.walk(forward):
            if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add):
                continue
            if isinstance(script.parents.get(node), ast.BinOp):
                continue  # the rest of the sum may belong to the noise
            sides = node.left, node.right
            noise = [
                each for each in sides if not (isinstance(each, ast.Name) and each.id in names)
            ]
            if len(noise) == 1:
                given = next(each for each in sides if each is not noise[0])
                text = b"%s * (1 + %s)" % (script.text(given), script.text(noise[0]))
                start, end = script.span(node)
                # The span of a sum ends behind the bracket that its last term stands in.
                yield [Edit(start, end, text)]


def ask_for_mode(script: Script, finding: Finding) -> Iterator[Edits]:
    """The input is returned as it is unless the layer is in training."""
    for forward in script.at(finding.location):
        if not isinstance(forward, ast.FunctionDef) or len(forward.args.args) < 2:  # noqa: PLR2004 - self and the input
            continue
        self_name, given = (each.arg.encode() for each in forward.args.args[:2])
        body = forward.body[1:] if ast.get_docstring(forward) is not None else forward.body
        if not body or body[0].lineno == forward.lineno:
            continue
        line, _ = script.line_of(script.span(body[0])[0])
        indent = script.code[line : script.span(body[0])[0]]
        test = b"%sif not %s.training:%s" % (indent, self_name, script.newline)
        leave = b"%s%sreturn %s%s" % (indent, _UNINDENTED, given, script.newline)
        yield [Edit(line, line, test + leave)]


def _unused(owner: ast.ClassDef) -> bytes:
    """A name that no attribute of the class has."""
    taken = {node.attr for node in ast.walk(owner) if isinstance(node, ast.Attribute)}
    names = ["drop", *(f"drop{number}" for number in range(2, 100))]
    return next(name for name in names if name not in taken).encode()


def _in_constructor(script: Script, owner: ast.ClassDef, line: bytes) -> Edit | None:
    """A line at the end of `__init__`, or in a new one before the first method.

    None where the class takes its constructor from another than `nn.Module`.
    """
    methods = [each for each in owner.body if isinstance(each, ast.FunctionDef)]
    init = next((each for each in methods if each.name == "__init__"), None)
    end = script.newline
    if init is not None:
        last = init.body[-1]
        start, _ = script.span(last)
        first_line, _ = script.line_of(start)
        _, after = script.line_of(script.span(last)[1] - 1)
        indent = script.code[first_line:start]
        return Edit(after, after, indent + line + end)
    bases = [script.source.name(base) for base in owner.bases]
    if bases != ["torch.nn.Module"] or methods[0].decorator_list:
        return None
    line_start, _ = script.line_of(script.span(methods[0])[0])
    indent = script.code[line_start : script.span(methods[0])[0]]
    inner = indent + _UNINDENTED
    text = [
        indent + b"def __init__(self):",
        inner + b"super().__init__()",
        inner + line,
        b"",
        b"",
    ]
    return Edit(line_start, line_start, end.join(text))


def _bound_before(script: Script, statement: ast.stmt) -> bytes | None:
    """The name that the statement before one binds to what a call yields."""
    body = getattr(script.parents[statement], "body", [])
    index = body.index(statement) if statement in body else 0
    before = body[index - 1] if index else None
    if not isinstance(before, ast.Assign) or len(before.targets) != 1:
        return None
    target, value = before.targets[0], before.value
    made = isinstance(value, ast.Call) and isinstance(value.func, ast.Call)
    return target.id.encode() if made and isinstance(target, ast.Name) else None
