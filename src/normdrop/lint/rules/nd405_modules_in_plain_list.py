"""ND405."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._classes import Classes, classes_of, is_own, last_name, methods
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding

# What goes through a list, or looks at it, and keeps nothing of it.
_LOOK = frozenset(
    {"zip", "enumerate", "len", "range", "reversed", "iter", "next", "print", "isinstance", "str"}
)
_REGISTER = frozenset({"add_module", "register_module", "setattr", "__setattr__"})


class ModulesInPlainList(Rule):
    """Norm or dropout layers stand in a plain list, which no module knows of.

    ## What it does
    Finds attributes of torch modules that are lists, tuples or dictionaries with norm or dropout
    layers in them, or with modules of the file that have such layers, and that are never handed to
    a `ModuleList`, `ModuleDict`, `Sequential` or `add_module`.

    ## Why is this bad?
    Only what is registered belongs to a module. `eval()` never reaches the dropout, which goes on
    dropping units in every prediction; the optimiser, `to()` and the `state_dict` never see the
    norm.

    ## Fix safety
    The `state_dict` has new keys; outputs in evaluation mode are no longer random.

    ## References
    - The documentation of `torch.nn.ModuleList`
    """

    words = ("Dropout", "BatchNorm", "InstanceNorm", "LayerNorm", "GroupNorm")
    severity = "error"
    valid = (
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self, depth):
                super().__init__()
                self.drops = nn.ModuleList([nn.Dropout(0.2) for _ in range(depth)])
        """,
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = [nn.Linear(8, 8), nn.Dropout(0.2)]
                self.body = nn.Sequential(*self.layers)
        """,
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self, depth):
                super().__init__()
                self.norms = [nn.BatchNorm1d(8) for _ in range(depth)]
                for index, norm in enumerate(self.norms):
                    self.add_module(f"norm{index}", norm)
        """,
        """
        import keras
        from keras import layers
        class Net(keras.Model):
            def __init__(self, depth):
                super().__init__()
                self.drops = [layers.Dropout(0.2) for _ in range(depth)]
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self, width, depth):
                    super().__init__()
                    self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
                    self.drops = [nn.Dropout(0.2) for _ in range(depth)]
                def forward(self, x):
                    for layer, drop in zip(self.layers, self.drops):
                        x = drop(layer(x).relu())
                    return x
            """,
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self, width, depth):
                    super().__init__()
                    self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
                    self.drops = nn.ModuleList(nn.Dropout(0.2) for _ in range(depth))
                def forward(self, x):
                    for layer, drop in zip(self.layers, self.drops):
                        x = drop(layer(x).relu())
                    return x
            """,
        ),
        Invalid(
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self, width, depth):
                    super().__init__()
                    norms = []
                    for _ in range(depth):
                        norms.append(nn.BatchNorm1d(width))
                    self.norms = norms
                def forward(self, x):
                    for norm in self.norms:
                        x = norm(x).relu()
                    return x
            """,
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self, width, depth):
                    super().__init__()
                    self.norms = nn.ModuleList()
                    for _ in range(depth):
                        self.norms.append(nn.BatchNorm1d(width))
                def forward(self, x):
                    for norm in self.norms:
                        x = norm(x).relu()
                    return x
            """,
        ),
    )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such attribute."""
        classes = classes_of(source)
        holding = _holding(source, classes)
        for node in source.classes:
            if classes.is_torch(node):
                for name, (place, layer) in _lists(node, classes, holding).items():
                    if not any(_is_registered(each, name) for each in classes.family[node]):
                        yield self.finding(
                            f"self.{name} is a plain list: eval() and the optimiser never reach "
                            f"the {layer} in it",
                            source.place(place),
                            fix=f"make self.{name} an nn.ModuleList or nn.ModuleDict",
                        )


def _holding(source: Source, classes: Classes) -> dict[str, str]:
    """The classes of modules of a file that have a norm or dropout layer, and which."""
    found: dict[str, str] = {}
    for node in source.classes:
        if classes.is_torch(node):
            layer = next((kept for each in ast.walk(node) if (kept := _written(each, classes))), "")
            if layer:
                found[node.name] = layer
    return found


def _written(node: ast.AST, classes: Classes) -> str:
    return classes.layer(node) if isinstance(node, ast.Call) else ""


def _lists(
    node: ast.ClassDef, classes: Classes, holding: dict[str, str]
) -> dict[str, tuple[ast.AST, str]]:
    """The attributes of a class that are plain lists of such layers: where, and of which."""
    found: dict[str, tuple[ast.AST, str]] = {}
    for function in methods(node):
        inside = _filled(function, classes, holding)
        for each in ast.walk(function):
            if isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
                targets = each.targets if isinstance(each, ast.Assign) else [each.target]
                local = each.value.id if isinstance(each.value, ast.Name) else ""
                layer = inside.get(local) or (
                    _inside(each.value, classes, holding) if _is_plain(each.value) else ""
                )
                for target in targets:
                    if not is_own(target):
                        continue
                    if _is_plain(each.value) and not layer:
                        layer = inside.get(f"self.{target.attr}", "")
                    if layer and not (local and _is_handed_on(function, local)):
                        found.setdefault(target.attr, (each, layer))
    return found


def _filled(function: ast.FunctionDef, classes: Classes, holding: dict[str, str]) -> dict[str, str]:
    """The lists of a function that such layers are put into, by how they are written."""
    plain = {
        ast.unparse(target)
        for each in ast.walk(function)
        if isinstance(each, ast.Assign) and _is_plain(each.value)
        for target in each.targets
    }
    found: dict[str, str] = {}
    for each in ast.walk(function):
        owner, value = None, None
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.args:
            if each.func.attr in {"append", "extend", "insert"}:
                owner, value = each.func.value, each.args[-1]
        elif isinstance(each, ast.Assign):
            target = each.targets[0]
            if isinstance(target, ast.Subscript):
                owner, value = target.value, each.value
            elif _is_plain(each.value):
                owner, value = target, each.value
        elif isinstance(each, ast.AugAssign):
            owner, value = each.target, each.value
        if owner is not None and value is not None and ast.unparse(owner) in plain:
            layer = _inside(value, classes, holding)
            if layer:
                found.setdefault(ast.unparse(owner), layer)
    return found


def _is_plain(node: ast.expr) -> bool:
    """Whether it is a list, a tuple or a dictionary, or made of one."""
    if isinstance(node, ast.BinOp):
        return _is_plain(node.left) or _is_plain(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in {"list", "tuple", "dict", "OrderedDict"}
    return isinstance(node, ast.List | ast.Tuple | ast.Dict | ast.ListComp | ast.DictComp)


def _inside(node: ast.expr, classes: Classes, holding: dict[str, str]) -> str:
    """The norm or dropout layer that is made in an expression, or in a module made there."""
    for each in _evaluated(node):
        if isinstance(each, ast.Call):
            layer = classes.layer(each) or holding.get(last_name(each.func), "")
            if layer:
                return layer
    return ""


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below a node, but for those of functions that are not called here."""
    yield node
    for each in ast.iter_child_nodes(node):
        if not isinstance(each, ast.Lambda):
            yield from _evaluated(each)


def _is_registered(node: ast.ClassDef, name: str) -> bool:
    """Whether a class hands an attribute on to what registers it."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and not _only_looks(each):
            handed = [*each.args, *(keyword.value for keyword in each.keywords)]
            for argument in handed:
                bare = argument.value if isinstance(argument, ast.Starred) else argument
                if isinstance(bare, ast.Call) and _only_looks(bare):
                    bare = bare.args[0] if bare.args else bare
                if is_own(bare) and bare.attr == name:
                    return True
        through = isinstance(each, ast.For) and f"self.{name}" in ast.unparse(each.iter)
        if through and any(_called(inner) in _REGISTER for inner in ast.walk(each)):
            return True
    return False


def _is_handed_on(function: ast.FunctionDef, name: str) -> bool:
    """Whether a list of a function is handed on to what registers it."""
    for each in ast.walk(function):
        if isinstance(each, ast.Call) and not _only_looks(each):
            for argument in each.args:
                bare = argument.value if isinstance(argument, ast.Starred) else argument
                if isinstance(bare, ast.Name) and bare.id == name:
                    return True
    return False


def _only_looks(call: ast.Call) -> bool:
    return _called(call) in _LOOK


def _called(node: ast.AST) -> str:
    return last_name(node.func) if isinstance(node, ast.Call) else ""
