"""What the names of a file stand for, by its imports."""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

MODEL_WORDS = ("BatchNorm", "batch_norm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")
"""Words of which one stands in every file whose models are followed.

Whatever is said of a model's order is said of these norms.
"""

# Where a library's names are known to be the same object under several addresses.
_SAME = (
    (re.compile(r"^(tensorflow\.compat\.v[12]|tensorflow)(\.python)?\.keras\b"), "keras"),
    (re.compile(r"^tensorflow\.compat\.v1\b"), "tensorflow"),
    (re.compile(r"^(?:tensorflow\.contrib\.slim|tf_slim)\b"), "tensorflow.contrib.layers"),
    (re.compile(r"^tf_keras\b|^keras\.src\b|^keras\.api(\._v2\.keras)?\b"), "keras"),
    (re.compile(r"^keras\.layers\.[a-z_.]+\.(?=[A-Z])"), "keras.layers."),
    (re.compile(r"^keras\.engine(\.[a-z_]+)?\.(?=[A-Z])"), "keras."),
    (re.compile(r"^keras\.models\.(?=Model|Sequential)"), "keras."),
    (re.compile(r"^torch\.nn\.modules\.[a-z]+\.(?=[A-Z])"), "torch.nn."),
    (re.compile(r"^torch\.nn\.modules\.(?=[A-Z])"), "torch.nn."),
)

_ELSEWHERE = frozenset(
    {"torch", "keras", "tensorflow", "tf_keras", "numpy", *sys.stdlib_module_names}
)


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """The documented address of a library object.

    >>> canonical("tensorflow.keras.layers.BatchNormalization")
    'keras.layers.BatchNormalization'
    >>> canonical("keras.layers.normalization.BatchNormalization")
    'keras.layers.BatchNormalization'
    """
    for pattern, address in _SAME:
        name = pattern.sub(address, name)
    return name


def is_library(name: str) -> bool:
    """Whether a name leads to a library that is not read.

    >>> is_library("torch.nn.Dropout"), is_library(".layers.Dropout"), is_library("own.layers")
    (True, False, False)
    """
    return name.partition(".")[0] in _ELSEWHERE


def imports(nodes: Iterable[ast.Import | ast.ImportFrom]) -> tuple[dict[str, str], list[str]]:
    """What imported names stand for, and the modules all of whose names are imported.

    A name that is imported from two libraries stands for neither. Relative imports begin with dots.
    """
    found: dict[str, set[str]] = {}
    stars: list[str] = []
    for node in nodes:
        for alias in node.names:
            if isinstance(node, ast.Import):
                target = alias.name if alias.asname else alias.name.partition(".")[0]
                bound = alias.asname or target
            else:
                module = "." * node.level + (node.module or "")
                if alias.name == "*":
                    stars.append(canonical(module))
                    continue
                dot = "" if module.endswith(".") else "."
                target, bound = f"{module}{dot}{alias.name}", alias.asname or alias.name
            found.setdefault(bound, set()).add(canonical(target))
    sure = {name: next(iter(targets)) for name, targets in found.items() if len(targets) == 1}
    return sure, stars


def dotted(node: ast.expr, imported: Mapping[str, str]) -> str:
    """What a dotted name stands for, by its library's documentation; empty if not imported."""
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    # Most calls are of something that is not imported.
    if not isinstance(root, ast.Name) or root.id not in imported:
        return ""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return canonical(".".join([imported[root.id], *reversed(parts)]))


# What the number of classes is called.
_CLASSES = re.compile(
    r"(?i)(?:^|[._])(?:(?:n|nb|nr|num|number)_?(?:of_?)?(?:class|classes|cls|labels?|categories)"
    r"|nclass(?:es)?|class(?:es)?_(?:num|number|count)|classes|vocab_size)$"
)


def counts_classes(name: str) -> bool:
    """Whether a name says how many classes there are.

    >>> counts_classes("self.num_classes"), counts_classes("width")
    (True, False)
    """
    return _CLASSES.search(name) is not None


def functional_call(*names: str) -> Callable[[bytes], bool]:
    """A test of whether a file may call one of some functions of `torch.nn.functional`.

    >>> calls_dropout = functional_call("dropout")
    >>> calls_dropout(b"from torch.nn import functional as F; F.dropout(x)")
    True
    >>> calls_dropout(b"from torch.nn import functional as F; self.dropout = 0.5")
    False
    """
    alternatives = "|".join(names)
    listed = r"(?:\((?:[^)#]|#[^\n]*)*|(?:[^\n\\]|\\\r?\n)*)"
    called = re.compile(rf"\.\s*(?:{alternatives})[\s)]*\(".encode())
    imported = re.compile(rf"functional\s+import\s*{listed}\b(?:{alternatives})\b".encode())

    def may_call(text: bytes) -> bool:
        return b"functional" in text and bool(called.search(text) or imported.search(text))

    return may_call
