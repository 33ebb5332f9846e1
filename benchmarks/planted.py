"""How many faults `normdrop check` finds that are planted into the sources of public packages.

    python benchmarks/planted.py FOLDER... [--seed N] [--most N] [--only KIND] [--missed]

Each FOLDER holds one package. At places that the seed chooses, one fault at a time is written into
a file by an edit of its text; it is found if a finding of the right kind that the original does not
have names the changed line (or, for a layer that is made in vain, the line that makes it). Which
places there are is worked out from the syntax tree alone, by nothing of normdrop's. The clean
original is the test for false alarms: what it already says of the very place counts against it.
"""

import argparse
import ast
import itertools
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from normdrop.lint.rules import check_text, selected
from normdrop.values.findings import Finding

_TORCH_NORM = re.compile(r"BatchNorm[123]d")
_TORCH_WEIGHT = re.compile(r"Conv[123]d|ConvTranspose[123]d|Linear")
_KERAS_NORM = re.compile(r"BatchNormalization")
_KERAS_WEIGHT = re.compile(r"Conv[123]D|Dense|SeparableConv2D|DepthwiseConv2D|Conv2DTranspose")
_LAST = re.compile(r"(?i)(last_?|out_?|final_?)?(fc|linear|classifier|head|logits|cls|lin)[_\d]*")
_MOST_BYTES = 300_000
# How often a file speaks of a layer that is made, and called once.
_MADE_AND_CALLED = 2


@dataclass(frozen=True)
class Edit:
    """New text for the text between two offsets."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Fault:
    """One fault: what is edited, which codes say so, and other lines that may be named."""

    edits: tuple[Edit, ...]
    codes: tuple[str, ...]
    lines: tuple[int, ...] = ()


@dataclass
class File:
    """A file, its tree, and where its nodes stand in its text."""

    path: Path
    text: str
    tree: ast.Module = field(repr=False)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.text.encode().split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def span(self, node: ast.AST) -> tuple[int, int]:
        """First offset and the one behind the last, in bytes of UTF-8."""
        first = self._starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined] # it has a place
        return first, self._starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined] # as above

    def source(self, node: ast.AST) -> str:
        """The text of a node."""
        first, last = self.span(node)
        return self.text.encode()[first:last].decode()

    def replaced(self, node: ast.AST, text: str) -> Edit:
        """An edit that puts other text in the place of a node."""
        return Edit(*self.span(node), text)

    def behind(self, node: ast.AST, text: str) -> Edit:
        """An edit that adds text behind a node."""
        return Edit(self.span(node)[1], self.span(node)[1], text)

    def edited(self, fault: Fault) -> str:
        """The text with a fault in it."""
        data = self.text.encode()
        for edit in sorted(fault.edits, key=lambda each: -each.start):
            data = data[: edit.start] + edit.text.encode() + data[edit.end :]
        return data.decode()

    @cached_property
    def imports(self) -> dict[str, ast.Import | ast.ImportFrom]:
        """What the imports at the top of the file bind, and by which statement."""
        return {
            (alias.asname or alias.name.split(".")[0]): node
            for node in self.tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }

    def importing(self, library: str, line: str) -> Edit | None:
        """An import beside the first of a library's, on the same line."""
        for node in self.imports.values():
            written = self.source(node)
            if library in written.split("import")[0] + written.split("import")[1]:
                return self.behind(node, f"; {line}")
        return None

    @cached_property
    def classes(self) -> list["Module"]:
        """The classes of modules in it."""
        return [
            Module(self, node) for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)
        ]


@dataclass
class Module:
    """A class, the layers it keeps as attributes, and the calls of those."""

    file: File
    node: ast.ClassDef

    @cached_property
    def made(self) -> dict[str, tuple[ast.Assign, ast.Call]]:
        """By attribute, where a layer is made; attributes that are assigned once."""
        found: dict[str, list[tuple[ast.Assign, ast.Call] | None]] = defaultdict(list)
        for each in ast.walk(self.node):
            if isinstance(each, ast.Assign) and len(each.targets) == 1:
                target = each.targets[0]
                if isinstance(target, ast.Attribute) and _is_self(target.value):
                    call = each.value
                    found[target.attr].append((each, call) if isinstance(call, ast.Call) else None)
        once = {name: made[0] for name, made in found.items() if len(made) == 1}
        return {name: made for name, made in once.items() if made is not None}

    def calls(self, pattern: re.Pattern[str]) -> Iterator[tuple[str, ast.Call]]:
        """Calls `self.name(x)` of layers whose class fits, outside the constructor."""
        for function in self.node.body:
            if not isinstance(function, ast.FunctionDef) or function.name not in {
                "forward",
                "call",
            }:
                continue
            for call in ast.walk(function):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and _is_self(call.func.value)
                    and len(call.args) == 1
                    and not isinstance(call.args[0], ast.Starred)
                    and call.func.attr in self.made
                    and pattern.fullmatch(_last(self.made[call.func.attr][1]))
                    and not _off(self.made[call.func.attr][1])
                ):
                    yield call.func.attr, call

    def uses(self, name: str) -> int:
        """How often the file speaks of an attribute, in any way."""
        return len(re.findall(rf"\b{name}\b", self.file.text))


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _last(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _off(call: ast.Call) -> bool:
    """Whether a norm may keep no statistics, or is frozen."""
    return any(each.arg in {"track_running_stats", "trainable"} for each in call.keywords)


def _norms(file: File, pattern: re.Pattern[str]) -> Iterator[ast.Call]:
    for each in ast.walk(file.tree):
        if isinstance(each, ast.Call) and pattern.fullmatch(_last(each)) and not _off(each):
            yield each


def _beside(around: ast.AST) -> list[ast.expr]:
    """What stands beside each other in a list, a tuple or a call."""
    if isinstance(around, ast.Call):
        return around.args
    return around.elts if isinstance(around, ast.List | ast.Tuple) else []


def _parents(file: File) -> dict[ast.AST, ast.AST]:
    return {below: above for above in ast.walk(file.tree) for below in ast.iter_child_nodes(above)}


_RULES = selected()
_Planter = Callable[[File], Iterator[Fault]]
KINDS: dict[str, _Planter] = {}


def _kind(planter: _Planter) -> _Planter:
    KINDS[planter.__name__] = planter
    return planter


# torch


def _wrapped(file: File, before: str, after: str, codes: tuple[str, ...]) -> Iterator[Fault]:
    """The argument of a norm's call, in something else."""
    extra = file.importing("torch", "import torch.nn.functional as planted_f")
    for module in file.classes:
        for _, call in module.calls(_TORCH_NORM):
            inside = file.source(call.args[0])
            if extra:
                yield Fault((extra, file.replaced(call.args[0], before + inside + after)), codes)


@_kind
def torch_function_before_norm(file: File) -> Iterator[Fault]:
    """`F.dropout` on what a norm is called on."""
    yield from _wrapped(file, "planted_f.dropout(", ", 0.5, self.training)", ("ND101",))


@_kind
def torch_layer_before_norm(file: File) -> Iterator[Fault]:
    """A dropout layer, made beside the norm."""
    extra = file.importing("torch", "import torch")
    for module in file.classes:
        for name, call in module.calls(_TORCH_NORM):
            made = module.made[name][0]
            inside = f"self.planted({file.source(call.args[0])})"
            if extra:
                edits = (
                    extra,
                    file.behind(made, "; self.planted = torch.nn.Dropout(0.5)"),
                    file.replaced(call.args[0], inside),
                )
                yield Fault(edits, ("ND101",))


@_kind
def torch_method_before_norm(file: File) -> Iterator[Fault]:
    """Dropout in a method of its own."""
    extra = file.importing("torch", "import torch.nn.functional as planted_f")
    for module in file.classes:
        for _, call in module.calls(_TORCH_NORM):
            forward = next(
                each
                for each in module.node.body
                if isinstance(each, ast.FunctionDef) and call in ast.walk(each)
            )
            if extra and not forward.decorator_list:
                indent = " " * forward.col_offset
                method = (
                    f"def planted(self, x):\n{indent}    "
                    f"return planted_f.dropout(x, 0.5, self.training)\n\n{indent}"
                )
                start = file.span(forward)[0]
                inside = f"self.planted({file.source(call.args[0])})"
                edits = (extra, Edit(start, start, method), file.replaced(call.args[0], inside))
                yield Fault(edits, ("ND101",))


@_kind
def torch_in_sequence(file: File) -> Iterator[Fault]:
    """A dropout layer before the norm of a `Sequential` or a list."""
    above = _parents(file)
    extra = file.importing("torch", "import torch")
    for norm in _norms(file, _TORCH_NORM):
        around = above[norm]
        listed = _beside(around)
        chain = around if isinstance(around, ast.Call) else above[around]
        in_chain = isinstance(chain, ast.Call) and _last(chain) == "Sequential"
        if extra and in_chain and norm in listed[1:]:
            start = file.span(norm)[0]
            yield Fault((extra, Edit(start, start, "torch.nn.Dropout(0.5), ")), ("ND101",))


@_kind
def torch_appended(file: File) -> Iterator[Fault]:
    """A dropout layer appended before a norm is."""
    above = _parents(file)
    extra = file.importing("torch", "import torch")
    for norm in _norms(file, _TORCH_NORM):
        call = above[norm]
        if (
            extra
            and isinstance(call, ast.Call)
            and _last(call) == "append"
            and isinstance(above[call], ast.Expr)
        ):
            start = file.span(call)[0]
            text = f"{file.source(call.func)}(torch.nn.Dropout(0.5)); "
            yield Fault((extra, Edit(start, start, text)), ("ND101",))


def _is_plain(call: ast.Call) -> bool:
    """Whether it is given one tensor and nothing else."""
    return len(call.args) == 1 and not call.keywords


def _statements(file: File) -> Iterator[list[ast.stmt]]:
    for each in ast.walk(file.tree):
        for name in ("body", "orelse"):
            body = getattr(each, name, None)
            if isinstance(body, list):
                yield body


def _calls_of(node: ast.expr) -> list[ast.Call]:
    """`c(b(a(x)))`: the calls from the outside in."""
    found = []
    while isinstance(node, ast.Call):
        found.append(node)
        node = node.args[0] if len(node.args) == 1 else ast.Constant(None)
    return found


def _without(file: File, call: ast.Call, name: str) -> Edit | None:
    """An edit that leaves out `name=False`."""
    for keyword in call.keywords:
        off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        if keyword.arg == name and off:
            return file.replaced(keyword, f"{name}=True")
    return None


@_kind
def torch_bias_before_norm(file: File) -> Iterator[Fault]:
    """A bias that the norm behind it takes away."""
    above = _parents(file)
    for norm in _norms(file, _TORCH_NORM):
        listed = _beside(above[norm])
        before = listed[listed.index(norm) - 1] if norm in listed[1:] else None
        if isinstance(before, ast.Call) and _TORCH_WEIGHT.fullmatch(_last(before)):
            edit = _without(file, before, "bias")
            if edit:
                yield Fault((edit,), ("ND201",), (before.lineno,))
    for module in file.classes:
        for name, call in module.calls(_TORCH_NORM):
            inner = call.args[0]
            attribute = _last(inner) if isinstance(inner, ast.Call) else ""
            if (
                attribute in module.made
                and module.uses(attribute) == module.uses(name) == _MADE_AND_CALLED
            ):
                made = module.made[attribute][1]
                edit = _without(file, made, "bias")
                if edit and _TORCH_WEIGHT.fullmatch(_last(made)):
                    yield Fault((edit,), ("ND201",), (made.lineno,))


@_kind
def torch_norm_not_used(file: File) -> Iterator[Fault]:
    """A norm that is made and never called."""
    for module in file.classes:
        for name, call in module.calls(_TORCH_NORM):
            if module.uses(name) == _MADE_AND_CALLED:
                edit = file.replaced(call, f"({file.source(call.args[0])})")
                yield Fault((edit,), ("ND401",), (module.made[name][0].lineno,))


@_kind
def torch_dropout_on_logits(file: File) -> Iterator[Fault]:
    """Dropout on what the last linear layer yields."""
    extra = file.importing("torch", "import torch.nn.functional as planted_f")
    above = _parents(file)
    for module in file.classes:
        for name, call in module.calls(re.compile("Linear")):
            if extra and isinstance(above[call], ast.Return) and _LAST.fullmatch(name):
                text = f"planted_f.dropout({file.source(call)}, 0.5, self.training)"
                yield Fault((extra, file.replaced(call, text)), ("ND106",))


@_kind
def torch_keras_momentum(file: File) -> Iterator[Fault]:
    """Keras' convention of momentum on a norm of torch."""
    for norm in _norms(file, _TORCH_NORM):
        if norm.args and not any(each.arg in {"momentum", None} for each in norm.keywords):
            end = file.span(norm.args[0])[1]
            if len(norm.args) == 1 and not isinstance(norm.args[0], ast.Starred):
                yield Fault((Edit(end, end, ", momentum=0.99"),), ("ND206",))


@_kind
def torch_always_on(file: File) -> Iterator[Fault]:
    """`F.dropout` that nobody tells whether this is training."""
    extra = file.importing("torch", "import torch.nn.functional as planted_f")
    for module in file.classes:
        for _, call in module.calls(re.compile("Linear|Conv2d")):
            inside = f"planted_f.dropout({file.source(call.args[0])}, 0.5)"
            if extra:
                yield Fault((extra, file.replaced(call.args[0], inside)), ("ND301",))


@_kind
def torch_made_in_forward(file: File) -> Iterator[Fault]:
    """A dropout layer made in forward, which `eval()` does not reach."""
    extra = file.importing("torch", "import torch")
    for module in file.classes:
        for _, call in module.calls(re.compile("Linear|Conv2d")):
            inside = f"torch.nn.Dropout(0.5)({file.source(call.args[0])})"
            if extra:
                yield Fault((extra, file.replaced(call.args[0], inside)), ("ND302", "ND301"))


@_kind
def torch_result_thrown_away(file: File) -> Iterator[Fault]:
    """`x = self.bn(x)` without the `x =`."""
    above = _parents(file)
    for module in file.classes:
        for _, call in module.calls(_TORCH_NORM):
            statement = above[call]
            if isinstance(statement, ast.Assign):
                yield Fault((file.replaced(statement, file.source(call)),), ("ND403", "ND401"))


@_kind
def torch_other_norm_called(file: File) -> Iterator[Fault]:
    """One norm called twice, the other never."""
    for module in file.classes:
        calls = list(module.calls(_TORCH_NORM))
        for (first, _), (second, call) in itertools.pairwise(calls):
            if first != second and module.uses(second) == _MADE_AND_CALLED:
                lines = (module.made[second][0].lineno, module.made[first][0].lineno)
                yield Fault((file.replaced(call.func, f"self.{first}"),), ("ND208", "ND401"), lines)


@_kind
def torch_norm_twice(file: File) -> Iterator[Fault]:
    """A norm behind a norm."""
    extra = file.importing("torch", "import torch")
    for module in file.classes:
        for name, call in module.calls(_TORCH_NORM):
            made, maker = module.made[name]
            if extra:
                edits = (
                    file.behind(made, f"; self.planted = {file.source(maker)}"),
                    file.replaced(call, f"self.planted({file.source(call)})"),
                )
                yield Fault(edits, ("ND204",), (made.lineno, call.lineno))


# Keras


def _sibling(file: File, norm: ast.Call, name: str) -> tuple[str, tuple[Edit, ...]] | None:
    """How another layer is written beside a norm, and the import that takes."""
    if isinstance(norm.func, ast.Attribute):
        return f"{file.source(norm.func.value)}.{name}", ()
    node = file.imports.get(_last(norm))
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        layers = "keras.layers" if "tensorflow" not in module else "tensorflow.keras.layers"
        return f"Planted{name}", (
            file.behind(node, f"; from {layers} import {name} as Planted{name}"),
        )
    return None


@_kind
def keras_before_norm(file: File) -> Iterator[Fault]:
    """`BatchNormalization()(Dropout(0.5)(x))`."""
    above = _parents(file)
    for norm in _norms(file, _KERAS_NORM):
        call = above[norm]
        dropout = _sibling(file, norm, "Dropout")
        if isinstance(call, ast.Call) and call.func is norm and len(call.args) == 1 and dropout:
            text = f"{dropout[0]}(0.5)({file.source(call.args[0])})"
            yield Fault((*dropout[1], file.replaced(call.args[0], text)), ("ND101",))


@_kind
def keras_added(file: File) -> Iterator[Fault]:
    """`model.add(Dropout(0.5))` before `model.add(BatchNormalization())`."""
    above = _parents(file)
    for norm in _norms(file, _KERAS_NORM):
        call = above[norm]
        dropout = _sibling(file, norm, "Dropout")
        if (
            isinstance(call, ast.Call)
            and _last(call) in {"add", "append"}
            and isinstance(above[call], ast.Expr)
            and dropout
        ):
            start = file.span(call)[0]
            text = f"{file.source(call.func)}({dropout[0]}(0.5)); "
            yield Fault((*dropout[1], Edit(start, start, text)), ("ND101",))


@_kind
def keras_listed(file: File) -> Iterator[Fault]:
    """A dropout layer before a norm in a list of layers."""
    above = _parents(file)
    for norm in _norms(file, _KERAS_NORM):
        around = above[norm]
        dropout = _sibling(file, norm, "Dropout")
        if isinstance(around, ast.List) and norm in around.elts[1:] and dropout:
            chain = above[around]
            if isinstance(chain, ast.Call) and _last(chain) == "Sequential":
                start = file.span(norm)[0]
                yield Fault((*dropout[1], Edit(start, start, f"{dropout[0]}(0.5), ")), ("ND101",))


@_kind
def keras_in_call(file: File) -> Iterator[Fault]:
    """A dropout layer made beside a norm and called before it."""
    for module in file.classes:
        for name, call in module.calls(_KERAS_NORM):
            made, norm = module.made[name]
            dropout = _sibling(file, norm, "Dropout")
            if dropout:
                edits = (
                    *dropout[1],
                    file.behind(made, f"; self.planted = {dropout[0]}(0.5)"),
                    file.replaced(call.args[0], f"self.planted({file.source(call.args[0])})"),
                )
                yield Fault(edits, ("ND101",))


@_kind
def keras_bias_before_norm(file: File) -> Iterator[Fault]:
    """A bias that the norm behind it takes away."""
    for body in _statements(file):
        for first, second in itertools.pairwise(body):
            if not (isinstance(first, ast.Assign) and isinstance(second, ast.Assign)):
                continue
            weight, norm = first.value, second.value
            if (
                isinstance(weight, ast.Call)
                and isinstance(norm, ast.Call)
                and isinstance(weight.func, ast.Call)
                and isinstance(norm.func, ast.Call)
                and _KERAS_WEIGHT.fullmatch(_last(weight.func))
                and _KERAS_NORM.fullmatch(_last(norm.func))
                and ast.unparse(norm.args[:1] or ast.Tuple([])) == ast.unparse(first.targets[:1])  # type: ignore[arg-type] # any list of nodes
                and not any(each.arg == "activation" for each in weight.func.keywords)
            ):
                edit = _without(file, weight.func, "use_bias")
                if edit:
                    yield Fault((edit,), ("ND201",), (weight.func.lineno,))


@_kind
def keras_always_on(file: File) -> Iterator[Fault]:
    """`Dropout(…)(x, training=True)`."""
    above = _parents(file)
    for dropout in _norms(file, re.compile("Dropout|SpatialDropout[12]D")):
        call = above[dropout]
        if isinstance(call, ast.Call) and call.func is dropout and _is_plain(call):
            yield Fault((file.behind(call.args[0], ", training=True"),), ("ND301", "ND315"))


@_kind
def keras_norm_always_on(file: File) -> Iterator[Fault]:
    """`BatchNormalization(…)(x, training=True)`."""
    above = _parents(file)
    for norm in _norms(file, _KERAS_NORM):
        call = above[norm]
        if isinstance(call, ast.Call) and call.func is norm and _is_plain(call):
            yield Fault((file.behind(call.args[0], ", training=True"),), ("ND307",))


@_kind
def keras_torch_momentum(file: File) -> Iterator[Fault]:
    """Torch's convention of momentum on a norm of Keras."""
    for norm in _norms(file, _KERAS_NORM):
        if not any(each.arg in {"momentum", None} for each in norm.keywords):
            comma = ", " if norm.args or norm.keywords else ""
            if len(norm.args) < 2:  # noqa: PLR2004 - the second is the momentum
                end = file.span(norm.args[-1])[1] if norm.args else file.span(norm.func)[1] + 1
                text = f"{comma}momentum=0.1" if norm.args else f"momentum=0.1{comma}"
                yield Fault((Edit(end, end, text),), ("ND206",))


@_kind
def keras_wrong_axis(file: File) -> Iterator[Fault]:
    """A norm over the rows of maps whose channels are last."""
    if re.search("channels_first|data_format|axis|K.image", file.text):
        return
    for norm in _norms(file, _KERAS_NORM):
        if not norm.args:
            start = file.span(norm.func)[1] + 1
            comma = ", " if norm.keywords else ""
            body = _parents(file)
            call = body[norm]
            if isinstance(call, ast.Call) and call.func is norm and "conv" in file.text.lower():
                yield Fault((Edit(start, start, f"axis=1{comma}"),), ("ND209",))


@_kind
def keras_dropout_on_logits(file: File) -> Iterator[Fault]:
    """Dropout between the last dense layer and its softmax."""
    above = _parents(file)
    for dense in _norms(file, re.compile("Dense")):
        call = above[dense]
        for keyword in dense.keywords:
            if (
                keyword.arg == "activation"
                and isinstance(keyword.value, ast.Constant)
                and keyword.value.value == "softmax"
                and isinstance(call, ast.Call)
                and call.func is dense
            ):
                dropout, softmax = (
                    _sibling(file, dense, "Dropout"),
                    _sibling(file, dense, "Activation"),
                )
                if dropout and softmax:
                    first, last = file.span(call)
                    edits = (
                        *dropout[1],
                        *softmax[1],
                        file.replaced(keyword.value, "None"),
                        Edit(first, first, f'{softmax[0]}("softmax")({dropout[0]}(0.5)('),
                        Edit(last, last, "))"),
                    )
                    yield Fault(edits, ("ND106",))


@_kind
def keras_norm_not_used(file: File) -> Iterator[Fault]:
    """A norm that is made and never called."""
    for module in file.classes:
        for name, call in module.calls(_KERAS_NORM):
            if module.uses(name) == _MADE_AND_CALLED:
                edit = file.replaced(call, f"({file.source(call.args[0])})")
                yield Fault((edit,), ("ND401",), (module.made[name][0].lineno,))


@_kind
def keras_result_thrown_away(file: File) -> Iterator[Fault]:
    """`x = BatchNormalization()(x)` without the `x =`."""
    above = _parents(file)
    for norm in _norms(file, _KERAS_NORM):
        call = above[norm]
        statement = above[call]
        if isinstance(call, ast.Call) and call.func is norm and isinstance(statement, ast.Assign):
            yield Fault((file.replaced(statement, file.source(call)),), ("ND403",))


# Judging


@dataclass
class Tally:
    """What came of the faults of a kind."""

    planted: int = 0
    found: int = 0
    alarms: int = 0
    packages: set[str] = field(default_factory=set)


def _read(path: Path) -> File | None:
    try:
        data = path.read_bytes()
        if len(data) > _MOST_BYTES or not re.search(rb"torch|keras", data) or b"\r" in data:
            return None
        text = data.decode()
        return File(path, text, ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, OSError):
        return None


def _fits(name: str, file: File) -> bool:
    """Whether a file is of the library that a kind of fault is about."""
    library = name.split("_", maxsplit=1)[0]
    return bool(re.search(rf"(?m)^\s*(import|from)\s[^\n]*\b{library}\b", file.text))


def _named(found: Sequence[Finding], fault: Fault, lines: set[int]) -> list[Finding]:
    return [
        each
        for each in found
        if each.code in fault.codes
        and any(place and place.line in lines for place in (each.location, *each.related))
    ]


@dataclass
class Bench:
    """Faults planted into packages, one at a time, and what is found of them.

    Attributes:
        seed: What chooses the places.
        most: How many faults of a kind are planted into one package.
        shows: Whether what was missed, and what the originals say, is printed.
        tallies: What came of each kind.
        slowest: Seconds that the slowest file took.
    """

    seed: int
    most: int
    shows: bool
    tallies: dict[str, Tally]
    slowest: float = 0.0

    def plant(self, folder: Path) -> None:
        """Plant faults of every kind into one package."""
        chosen: dict[str, list[tuple[File, Fault]]] = defaultdict(list)
        for path in sorted(folder.rglob("*.py")):
            file = _read(path)
            for name in self.tallies if file else ():
                if file and _fits(name, file):
                    chosen[name].extend((file, fault) for fault in KINDS[name](file))
        clean: dict[Path, list[Finding]] = {}
        for name, faults in chosen.items():
            chance = random.Random(f"{self.seed} {folder.name} {name}")  # noqa: S311 - no secret
            for file, fault in chance.sample(faults, min(self.most, len(faults))):
                text = file.edited(fault)
                try:
                    ast.parse(text)
                except SyntaxError:
                    continue
                if file.path not in clean:
                    clean[file.path] = check_text(str(file.path), file.text, _RULES)
                self.tallies[name].packages.add(folder.name)
                self._judge(name, file, fault, text, clean[file.path])

    def _judge(self, name: str, file: File, fault: Fault, text: str, clean: list[Finding]) -> None:
        lines = _changed(file.text, text) | set(fault.lines)
        was = time.perf_counter()
        found = check_text(str(file.path), text, _RULES)
        self.slowest = max(self.slowest, time.perf_counter() - was)
        already = {str(each) for each in _named(clean, fault, lines)}
        hit = [each for each in _named(found, fault, lines) if str(each) not in already]
        tally = self.tallies[name]
        tally.planted += 1
        tally.found += bool(hit)
        tally.alarms += bool(already)
        if self.shows and (already or not hit):
            last = text.split("\n")[max(_changed(file.text, text)) - 1].strip()
            said = "CLEAN" if already else "MISSED"
            print(f"{said} {name} {file.path} {sorted(lines)[-4:]}\n     {last[:150]}", flush=True)

    def table(self, library: str) -> Iterator[str]:
        """Recall by kind for one library, and over all."""
        total: Counter[str] = Counter()
        for name, tally in self.tallies.items():
            if name.startswith(library) and tally.planted:
                total.update(planted=tally.planted, found=tally.found, alarms=tally.alarms)
                yield (
                    f"{name:32} {tally.found:4} of {tally.planted:4} "
                    f"({tally.found / tally.planted:4.0%})  in {len(tally.packages):2} packages, "
                    f"said of the original {tally.alarms}"
                )
        if total["planted"]:
            share = total["found"] / total["planted"]
            yield (
                f"{library}: {total['found']} of {total['planted']} ({share:.0%}); "
                f"said of the original {total['alarms']}\n"
            )


def _changed(before: str, after: str) -> set[int]:
    """The lines of a text that an edit changed."""
    old, new = before.split("\n"), after.split("\n")
    if len(old) == len(new):
        return {number for number, line in enumerate(new, 1) if line != old[number - 1]}
    return {number for number, line in enumerate(new, 1) if "planted" in line}


def main() -> None:
    """Print recall by kind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=3, help="faults of a kind in one package")
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    parser.add_argument("--missed", action="store_true", help="print what was missed")
    given = parser.parse_args()
    tallies = {name: Tally() for name in KINDS if given.only in name}
    bench = Bench(given.seed, given.most, given.missed, tallies)
    for folder in given.folders:
        bench.plant(folder)
    for library in ("torch", "keras"):
        print("\n".join(bench.table(library)))
    print(f"slowest file {bench.slowest:.2f} s")


if __name__ == "__main__":
    main()
