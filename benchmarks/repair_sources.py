"""How many order faults in the sources of public packages `normdrop fix` puts right.

    python benchmarks/repair_sources.py FOLDER... [--seed N] [--most N] [--missed]

Each FOLDER holds one package. Where a source has dropout behind a norm layer, with nothing but
activations between, the dropout is moved before the norm by an edit of the text: in a list of
layers, in a chain of statements or in a nest of calls. Places where that makes nothing worse are
left out. `fix --unsafe` is then shown the file. The order is restored if the text is what `fix`
makes of the original, or no dropout reaches norms any more than it did there; a patch is harmful if
the text is no Python any more, loses or adds a call, has a finding more by any rule, or has dropout
behind the last weight, in a row, or on fewer than half of the units where it had none.
"""

import argparse
import ast
import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from planted import File, Module

from normdrop.lint.rules import check_text, selected
from normdrop.mending.patches import harms_in, patch_text

_NORM = re.compile(r"BatchNorm[123]d|BatchNormalization|BatchNorm")
_NOISE = re.compile(r"Dropout[123]?d?|SpatialDropout[123]D|GaussianDropout")
_BETWEEN = re.compile(
    r"(?i).*(relu|elu|gelu|silu|swish|tanh|sigmoid|activation|act|mish|prelu|leaky).*"
)
_WORDS = re.compile(r"(?s)(?=.*BatchNorm)(?=.*Dropout)")
_MOST_BYTES = 200_000


@dataclass(frozen=True)
class Fault:
    """A file with dropout moved before a norm, and how it is written there."""

    path: Path
    kind: str
    before: str
    text: str


def _maker(call: ast.expr) -> str:
    name = call.func if isinstance(call, ast.Call) else None
    if isinstance(name, ast.Attribute):
        return name.attr
    return name.id if isinstance(name, ast.Name) else ""


def _role(file: File, modules: list[Module], call: ast.expr) -> str:
    """What a call of a layer, or the making of one, is: norm, noise or something between."""
    made = _maker(call)
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        for module in modules:
            owner = module.made.get(call.func.attr)
            if owner and file.source(call.func.value) == "self":
                made = _maker(owner[1])
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Call):
        made = _maker(call.func)
    if _NORM.fullmatch(made):
        return "norm"
    if _NOISE.fullmatch(made):
        return "noise"
    return "between" if _BETWEEN.fullmatch(made) else "other"


def _pairs(roles: list[str]) -> Iterator[tuple[int, int]]:
    """Positions of a norm and of noise behind it, with nothing but activations between."""
    for start, role in enumerate(roles):
        if role == "norm":
            stop = start + 1
            while stop < len(roles) and roles[stop] == "between":
                stop += 1
            if stop < len(roles) and roles[stop] == "noise":
                yield start, stop


def _listed(file: File, modules: list[Module]) -> Iterator[str]:
    """A dropout layer before the norm of a list of layers."""
    for node in ast.walk(file.tree):
        items = node.elts if isinstance(node, ast.List) else []
        if isinstance(node, ast.Call) and _maker(node) == "Sequential":
            items = node.args
        for norm, noise in _pairs([_role(file, modules, each) for each in items]):
            texts = [file.source(each) for each in items]
            order = [*range(norm), noise, *range(norm, noise), *range(noise + 1, len(items))]
            yield _reordered(file, items, [texts[each] for each in order])


def _stated(file: File, modules: list[Module]) -> Iterator[str]:
    """A statement that calls or adds dropout before that of a norm."""
    for node in ast.walk(file.tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for norm, noise in _pairs([_step(file, modules, each) for each in body]):
            steps = body[norm : noise + 1]
            texts = [file.source(each) for each in steps]
            yield _reordered(file, steps, [texts[-1], *texts[:-1]])


def _step(file: File, modules: list[Module], statement: ast.stmt) -> str:
    """The role of `x = f(x)` or of `model.add(f)`."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, call = statement.targets[0], statement.value
        if isinstance(call, ast.Call) and len(call.args) == 1:
            same = ast.unparse(target) == ast.unparse(call.args[0])
            return _role(file, modules, call) if same else "other"
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if _maker(call) == "add" and len(call.args) == 1:
            return _role(file, modules, call.args[0])
    return "other"


def _nested(file: File, modules: list[Module]) -> Iterator[str]:
    """Dropout around the input of a norm in a nest of calls."""
    for node in ast.walk(file.tree):
        nest: list[ast.Call] = []
        inner: ast.expr = node if isinstance(node, ast.Call) else ast.Constant(0)
        while isinstance(inner, ast.Call) and len(inner.args) == 1:
            nest.append(inner)
            inner = inner.args[0]
        roles = [_role(file, modules, each) for each in nest]
        if len(nest) > 1 and roles[0] == "noise" and "norm" in roles:
            norm = roles.index("norm")
            if set(roles[1:norm]) <= {"between"}:
                given = file.source(nest[norm].args[0])
                wrapped = f"{file.source(nest[0].func)}({given})"
                text = file.source(nest[0].args[0]).replace(given, wrapped)
                yield file.text.replace(file.source(nest[0]), text, 1)


def _reordered(file: File, nodes: list[ast.expr] | list[ast.stmt], texts: list[str]) -> str:
    data = file.text.encode()
    for node, text in reversed(list(zip(nodes, texts, strict=True))):
        first, last = file.span(node)
        data = data[:first] + text.encode() + data[last:]
    return data.decode()


def faults(path: Path) -> Iterator[Fault]:
    """All order faults that can be planted into a file."""
    text = path.read_text("utf-8", errors="ignore")
    if len(text) > _MOST_BYTES or not _WORDS.match(text):
        return
    try:
        file = File(path, text, ast.parse(text))
    except (SyntaxError, ValueError):
        return
    modules = file.classes
    for kind, planter in (("listed", _listed), ("stated", _stated), ("nested", _nested)):
        for planted in planter(file, modules):
            yield Fault(path, kind, text, planted)


def _loud(text: str) -> int:
    """What dropout before norms is worth: two for an error, one for a warning."""
    found = check_text("net.py", text, selected(("ND101",)))
    return sum({"error": 2, "warning": 1, "note": 0}[each.severity] for each in found)


def _codes(text: str) -> Counter[str]:
    return Counter(each.code for each in check_text("net.py", text, selected()))


def judged(fault: Fault) -> str | None:
    """What `fix` makes of a fault; None where the fault is none, or the original is no answer."""
    try:
        ast.parse(fault.text)
    except SyntaxError:
        return None
    was, is_now = _loud(fault.before), _loud(fault.text)
    if is_now <= was:
        return None
    patch = patch_text("net.py", fault.text, selected(), unsafe=True)
    harm = _harm(fault.text, patch.after)
    if harm:
        return f"harmful: {harm}"
    unplanted = patch_text("net.py", fault.before, selected(), unsafe=True)
    if ast.dump(ast.parse(patch.after)) == ast.dump(ast.parse(unplanted.after)):
        return "restored to the letter"
    return "restored" if _loud(patch.after) <= was else "left"


def _harm(before: str, after: str) -> str:
    try:
        tree = ast.parse(after)
    except SyntaxError:
        return "no Python"
    if _calls(tree) != _calls(ast.parse(before)):
        return "other calls"
    grown = _codes(after) - _codes(before)
    if grown:
        return f"{next(iter(grown))} more"
    does = harms_in(after)
    did = harms_in(before)
    return next((harm for harm in does if does[harm] > did[harm]), "")


def _calls(tree: ast.AST) -> Counter[str]:
    called = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return Counter(ast.unparse(node.func) for node in called)


def main() -> None:
    """Plant, mend, and count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--missed", action="store_true")
    given = parser.parse_args()
    source = random.Random(given.seed)  # noqa: S311 - a choice of places, no secret
    total: Counter[str] = Counter()
    started = time.perf_counter()
    for folder in given.folders:
        paths = sorted(each for each in folder.rglob("*.py") if each.is_file())
        found = list(itertools.chain.from_iterable(map(faults, paths)))
        source.shuffle(found)
        counted: Counter[str] = Counter()
        for fault in found:
            if counted.total() >= given.most:
                break
            said = judged(fault)
            if said is not None:
                counted[said.partition(":")[0]] += 1
                if given.missed and not said.startswith("restored"):
                    print(f"  {said}: {fault.path} ({fault.kind})")
        total += counted
        if counted:
            print(f"{folder.name:32}{counted.total():5} faults  {dict(sorted(counted.items()))}")
    right = sum(count for said, count in total.items() if said.startswith("restored"))
    print(f"restored {right} of {total.total()}, harmful {total['harmful']}")
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
