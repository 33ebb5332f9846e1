"""What rules are called: codes, their beginnings and names, known without importing any rule."""

import pkgutil
import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher, get_close_matches
from functools import cache
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType

from normdrop.errors import NormdropError, UsageError

FILE = re.compile(r"(nd[1-9]\d\d)_([a-z0-9]+(?:_[a-z0-9]+)*)")
"""How the file of a rule is called: its code, then its name."""
_PACKAGE = __name__.rpartition(".")[0]
_FOLDER = Path(__file__).parent


@cache
def codes() -> Mapping[str, str]:
    """Every rule's code and its module, by code; no rule is imported for it.

    Raises:
        NormdropError: A file of the folder is not named as a rule's, or two have one code.

    >>> codes()["ND101"]
    'normdrop.lint.rules.nd101_noise_before_norm'
    """
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules([str(_FOLDER)]):
        if module.name.startswith("_"):
            continue
        named = FILE.fullmatch(module.name)
        if named is None:
            raise NormdropError(
                f"{_PACKAGE}.{module.name} is not named as a rule: nd101_noise_before_norm"
            )
        path = f"{_PACKAGE}.{module.name}"
        if found.setdefault(named[1].upper(), path) != path:
            raise NormdropError(f"{found[named[1].upper()]} and {path} have one code")
    return MappingProxyType(dict(sorted(found.items())))


@cache
def codes_by_name() -> Mapping[str, str]:
    """Every rule's code by its name.

    >>> codes_by_name()["noise-before-norm"]
    'ND101'
    """
    named = {
        code: module.rpartition(".")[2].partition("_")[2].replace("_", "-")
        for code, module in codes().items()
    }
    return MappingProxyType({name: code for code, name in named.items()})


def meant(selector: str) -> str:
    """The code, or the beginning of codes, that a selector stands for.

    Args:
        selector: A code, the beginning of one, or a rule's name, in any case.

    Raises:
        UsageError: It stands for no rule; the message names the nearest.

    >>> meant("nd101"), meant("ND1"), meant("Noise-Before-Norm")
    ('ND101', 'ND1', 'ND101')
    >>> meant("ND1O1")
    Traceback (most recent call last):
    normdrop.errors.UsageError: no rule is called 'ND1O1': did you mean 'ND101'?
    """
    bare = selector.strip()
    prefix, name = bare.upper(), bare.lower().replace("_", "-")
    if prefix and any(code.startswith(prefix) for code in codes()):
        return prefix
    if name in codes_by_name():
        return codes_by_name()[name]
    near = _nearest(prefix, codes()) or _nearest(name, codes_by_name())
    hint = f"did you mean {near!r}?" if near else f"there are {', '.join(codes())}"
    raise UsageError(f"no rule is called {bare!r}: {hint}")


def _nearest(written: str, known: Iterable[str]) -> str | None:
    """What may have been meant: of those as near, the one that begins alike, as with ND1O1."""
    near = get_close_matches(written, known, len(codes()), 0.7)

    def likeness(each: str) -> tuple[float, int]:
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(each, written, strict=False))
        return SequenceMatcher(None, each, written).ratio(), len(list(alike))

    return max(near, key=likeness, default=None)
