"""Noise layers that users write themselves."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from normdrop.lint.source import Source
from normdrop.values.operations import ACTIVATIONS, DRAWS

# A randomised activation draws by a mode of its own.
_DRAWS = {each.name for each in DRAWS if each.operation not in ACTIVATIONS}
_NAMED = ("drop", "uout")
_CLASS = re.compile(rb"class\s+\w*(?i:drop|uout)")


def noise_modules(source: Source) -> Iterator[tuple[ast.ClassDef, ast.FunctionDef]]:
    """Torch modules of the file with "drop" or "uout" in their name, and their forward.

    Only those that derive from `torch.nn.Module` itself: another base may do part of the work.
    """
    for owner in source.classes:
        direct = [source.name(base) for base in owner.bases] == ["torch.nn.Module"]
        if direct and any(word in owner.name.lower() for word in _NAMED):
            for node in owner.body:
                if isinstance(node, ast.FunctionDef) and node.name == "forward":
                    yield owner, node


# Three rules ask of one file after another.
@lru_cache(maxsize=1)
def may_define_noise(text: bytes) -> bool:
    """Whether a file has a class of such a name."""
    return _CLASS.search(text) is not None


def draws(forward: ast.FunctionDef) -> set[str]:
    """How a function draws random numbers, by names without a trailing underscore."""
    called = {
        node.func.attr
        for node in ast.walk(forward)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    return {name.rstrip("_") for name in called & _DRAWS}
