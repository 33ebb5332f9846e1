"""ND401."""

import ast
import re
from collections.abc import Iterator

from normdrop.lint.rules._classes import (
    FORWARDS,
    Classes,
    Kept,
    classes_of,
    is_own,
    last_name,
    methods,
)
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import Memo, Source
from normdrop.values.findings import Finding

# Methods that set up what a layer holds, and do not call it.
_SETS_UP = re.compile(r"init|reset|zero|weight|freeze|load|convert|fuse")
_HELD = frozenset(
    {"weight", "bias", "gamma", "beta", "running_mean", "running_var", "parameters", "momentum"}
    | {"eps", "requires_grad_", "reset_parameters", "apply", "num_features", "trainable", "p"}
)
# Whoever goes through all modules of a class may call each.
_ALL = frozenset({"children", "named_children", "_modules", "layers", "__dict__", "get_submodule"})
_KNOWN = re.compile(
    rb"#.*(?i:unused|not used|never used|compat|checkpoint|legacy|keep|placeholder)"
)


class NeverCalled(Rule):
    """A norm or dropout layer is in the model and is never called.

    ## What it does
    Runs the model in both modes, without computing any numbers, and finds registered norm and
    dropout layers that neither run made use of. In source it finds attributes of a class of modules
    that hold such a layer and that no method does anything with, but for setting up their values.

    ## Why is this bad?
    The layer shows in `print(model)` and in the `state_dict`, and does nothing. Whoever set its
    rate believes that the model is regularised.

    ## Fix safety
    Calling the layer changes what the model computes; removing it changes the `state_dict` keys of
    a norm layer.

    ## References
    - Project-MONAI/MONAI issue 4844, huggingface/pytorch-image-models issue 1726
    """

    words = ("Norm", "norm", "Drop")
    valid = (
        """
        from torch import nn
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(8, 8)
                self.norm = nn.BatchNorm1d(8)
                nn.init.zeros_(self.norm.weight)
            def normalised(self, x):
                return self.norm(x)
            def forward(self, x):
                return self.normalised(self.linear(x))
        """,
        """
        from torch import nn
        class Blocks(nn.Module):
            def __init__(self):
                super().__init__()
                self.norm0, self.norm1 = nn.BatchNorm1d(8), nn.BatchNorm1d(8)
            def forward(self, x):
                for index in range(2):
                    x = getattr(self, f"norm{index}")(x)
                return x
        """,
        """
        from torch import nn
        class Base(nn.Module):
            def __init__(self):
                super().__init__()
                self.drop = nn.Dropout(0.5)
            def forward(self, x):
                return self.compute(x)
        class Net(Base):
            def compute(self, x):
                return self.drop(x)
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.linear = nn.Linear(8, 8)
                    self.drop = nn.Dropout(0.5)

                def forward(self, x):
                    return self.linear(x)
            """,
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.linear = nn.Linear(8, 8)
                    self.drop = nn.Dropout(0.5)

                def forward(self, x):
                    return self.drop(self.linear(x))
            """,
        ),
        Invalid(
            """
            from keras import layers
            class Block(layers.Layer):
                def __init__(self, width):
                    super().__init__()
                    self.dense = layers.Dense(width)
                    self.norm = layers.BatchNormalization()
                def call(self, x):
                    return self.dense(x)
            """,
            """
            from keras import layers
            class Block(layers.Layer):
                def __init__(self, width):
                    super().__init__()
                    self.dense = layers.Dense(width, use_bias=False)
                    self.norm = layers.BatchNormalization()
                def call(self, x):
                    return self.norm(self.dense(x))
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every idle layer of a captured model."""
        from normdrop.shifts.graph.paths import never_called

        if subject.captured is None:
            return
        for layer in never_called(subject.captured.train, subject.captured.eval):
            # A block of several layers that is left out, such as a last stage, is no slip.
            if layer.leaf and ("Norm" in layer.type or "Drop" in layer.type):
                yield self.finding(
                    f"{layer.path} ({layer.type}) is never called",
                    None,
                    layers=[layer.path],
                    fix="call it in forward, or remove it",
                )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every attribute that holds such a layer and is never made use of."""
        classes = classes_of(source)
        views = Memo(_View)
        elsewhere: set[str] | None = None
        for node in source.classes:
            kept = (
                {each.name: each for each in classes.kept(node)} if classes.is_module(node) else {}
            )
            around = classes.family[node] if kept else []
            used = {name for each in around for name in views[each].used}
            # One layer may have several names.
            called = {id(each.made) for name, each in kept.items() if name in used}
            idle = {name: each for name, each in kept.items() if id(each.made) not in called}
            if not idle or not _shows_all(classes, node, views):
                continue
            if elsewhere is None:
                elsewhere = _of_others(source)
            for name, layer in idle.items():
                if name not in elsewhere and not _is_known(source, layer):
                    yield self.finding(
                        f"self.{name} ({classes.layer(layer.made)}) is made and never called",
                        source.place(layer.made),
                        fix="call it in forward, or remove it",
                    )


class _View:
    """What the methods of one class do with what `self` has.

    Attributes:
        used: The attributes that are read, other than to set up what they hold.
        bound: The attributes that are assigned.
        called: The attributes that are called.
        is_open: Whether it hands itself on, or goes through all of its modules.
    """

    def __init__(self, node: ast.ClassDef) -> None:
        self.used: set[str] = set()
        self.bound: set[str] = set()
        self.called: set[str] = set()
        self.is_open = False
        for method in methods(node):
            self._read(method, _SETS_UP.search(method.name) is not None, method.name != "__init__")

    def _read(self, method: ast.FunctionDef, sets_up: bool, apart: bool) -> None:  # noqa: FBT001 - two facts of one method
        held = {
            id(each.value)
            for each in ast.walk(method)
            if isinstance(each, ast.Attribute) and each.attr in _HELD
        }
        for each in ast.walk(method):
            if isinstance(each, ast.Call):
                self.is_open |= _hands_self_on(each) or _goes_up(each)
                if is_own(each.func):
                    self.called.add(each.func.attr)
            elif is_own(each):
                self.is_open |= each.attr in _ALL
                if isinstance(each.ctx, ast.Store):
                    self.bound.add(each.attr)
                elif not (sets_up and (apart or id(each) in held)):
                    self.used.add(each.attr)


def _shows_all(classes: Classes, node: ast.ClassDef, views: Memo[ast.ClassDef, _View]) -> bool:
    """Whether all that a class does when it is called stands in the file."""
    own = {method.name for each in classes.above[node] for method in methods(each)}
    foreign = [base for base in classes.foreign(node) if not _PLAIN.search(base)]
    if own.isdisjoint(FORWARDS) or any(
        each.startswith(("torch.nn.", "keras.")) for each in foreign
    ):
        return False
    around = [views[each] for each in classes.family[node]]
    bound = own.union(*(each.bound for each in around))
    # A method that only a class of another file has may make use of anything.
    hidden = any(not each.called <= bound for each in around) if foreign else False
    return not hidden and not any(each.is_open for each in around)


_PLAIN = re.compile(
    r"(?:^|\.)\w*Module$|^keras\.(?:layers\.)?(?:Model|Layer)$|^(?:abc\.)?ABC$|^object$"
)


def _hands_self_on(call: ast.Call) -> bool:
    """Whether something else is given the whole module."""
    handed = any(isinstance(each, ast.Name) and each.id == "self" for each in call.args)
    return handed and last_name(call.func) not in {
        "super",
        "__init__",
        "isinstance",
        "hasattr",
        "type",
        "len",
        "id",
    }


def _goes_up(call: ast.Call) -> bool:
    """Whether it runs the forward of a base class, which may be in another file."""
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in FORWARDS
        and isinstance(function.value, ast.Call)
        and getattr(function.value.func, "id", "") == "super"
    )


def _of_others(source: Source) -> set[str]:
    """The attributes that something other than `self` is asked for, and what strings name."""
    found, held = set(), set()
    # Outer nodes come first.
    for each in ast.walk(source.tree):
        if isinstance(each, ast.Attribute):
            if each.attr in _HELD:
                held.add(id(each.value))
            if not is_own(each) and id(each) not in held:
                found.add(each.attr)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            found.add(each.value)
    return found


def _is_known(source: Source, layer: Kept) -> bool:
    """Whether a comment says that a layer is not used."""
    made = layer.made
    return any(_KNOWN.search(line) for line in source.lines[made.lineno - 2 : made.end_lineno])
