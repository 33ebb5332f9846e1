"""The rules there are: a file `nd101_noise_before_norm.py` of this folder holds ND101."""

import importlib
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import overload

from normdrop.errors import NormdropError, UsageError
from normdrop.lint.rules._codes import FILE, codes, meant
from normdrop.lint.rules._rule import Rule


@cache
def all_rules() -> tuple[type[Rule], ...]:
    """Every rule, by its code.

    Raises:
        NormdropError: A file of the folder holds no rule, or one that is not named after it.
    """
    return tuple(map(_held, codes().values()))


def _held(module: str) -> type[Rule]:
    """The one rule that a file of the folder defines."""
    inside = vars(importlib.import_module(module)).values()
    defined = [
        each
        for each in inside
        if isinstance(each, type) and issubclass(each, Rule) and each.__module__ == module
    ]
    named = FILE.fullmatch(module.rpartition(".")[2])
    wanted = "".join(map(str.capitalize, named[2].split("_"))) if named else ""
    if [each.__name__ for each in defined] != [wanted]:
        found = ", ".join(each.__name__ for each in defined) or "none"
        raise NormdropError(f"{module} holds one rule, {wanted}: found {found}")
    (rule,) = defined
    if not hasattr(rule, "words"):
        raise NormdropError(f"{module} does not say which words make a file worth reading")
    return rule


def rule(code: str) -> type[Rule]:
    """The rule of a code, or of a name in words, in any case.

    Raises:
        UsageError: There is none.

    >>> rule("ND101").name
    'noise-before-norm'
    """
    found = meant(code)
    if found not in codes():
        such = ", ".join(each for each in codes() if each.startswith(found))
        raise UsageError(f"{code!r} is the beginning of several codes: {such}")
    return _held(codes()[found])


class Selection(Sequence[Rule]):
    """Rules, imported when the first of them is asked for: most files need none."""

    def __init__(self, select: tuple[str, ...], ignore: tuple[str, ...]) -> None:
        self._select = select
        self._ignore = ignore

    @property
    def is_empty(self) -> bool:
        """Whether what is ignored takes out all that is selected; no rule is imported for it."""
        chosen = [code for code in codes() if code.startswith(self._select or ("ND",))]
        return bool(self._ignore) and all(code.startswith(self._ignore) for code in chosen)

    @overload
    def __getitem__(self, index: int) -> Rule: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Rule]: ...
    def __getitem__(self, index: int | slice) -> Rule | Sequence[Rule]:
        return self._rules[index]

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        return tuple(each() for each in all_rules() if self._has(each))

    def _has(self, rule: type[Rule]) -> bool:
        if self._ignore and rule.code.startswith(self._ignore):
            return False
        if rule.opinion:
            return rule.code in self._select
        return rule.code.startswith(self._select or ("ND",))


def selected(select: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> Selection:
    """The rules whose codes begin with one of `select` and with none of `ignore`.

    A rule's name stands for its code. Opinions run only when they are selected by either.

    Raises:
        UsageError: Something selected or ignored is the beginning of no code.

    >>> [rule.code for rule in selected(("ND101", "ND201"), ("ND2",))]
    ['ND101']
    >>> [rule.code for rule in selected(("noise-before-norm",))]
    ['ND101']
    """
    return Selection(tuple(map(meant, select)), tuple(map(meant, ignore)))
