"""The rules there are: a file `nd101_noise_before_norm.py` of this folder holds ND101."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from types import MappingProxyType
from typing import overload

from normdrop.errors import UsageError
from normdrop.lint.rules._rule import Rule


@cache
def codes() -> Mapping[str, str]:
    """Every rule's code and its module, by code; no rule is imported for it.

    >>> codes()["ND101"]
    'normdrop.lint.rules.nd101_noise_before_norm'
    """
    import normdrop.lint.rules

    found = {
        module.name.partition("_")[0].upper(): f"normdrop.lint.rules.{module.name}"
        for module in pkgutil.iter_modules(normdrop.lint.rules.__path__)
        if not module.name.startswith("_")
    }
    return MappingProxyType(dict(sorted(found.items())))


@cache
def all_rules() -> tuple[type[Rule], ...]:
    """Every rule, by its code."""
    for module in codes().values():
        importlib.import_module(module)
    return tuple(sorted(Rule.__subclasses__(), key=lambda rule: rule.code))


def rule(code: str) -> type[Rule]:
    """The rule of a code, or of a name in words.

    Raises:
        UsageError: There is none.

    >>> rule("ND101").name
    'noise-before-norm'
    """
    for each in all_rules():
        if code.upper() == each.code or code.lower() == each.name:
            return each
    raise UsageError(f"no rule is called {code!r}: there are {', '.join(codes())}")


class Selection(Sequence[Rule]):
    """Rules, imported when the first of them is asked for: most files need none."""

    def __init__(self, select: tuple[str, ...], ignore: tuple[str, ...]) -> None:
        self._select = select
        self._ignore = ignore

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

    Opinions run only when they are selected by their full code.

    Raises:
        UsageError: Something selected or ignored is the beginning of no code.

    >>> [rule.code for rule in selected(("ND101", "ND201"), ("ND2",))]
    ['ND101']
    """
    for prefix in (*select, *ignore):
        if not any(code.startswith(prefix) for code in codes()):
            rule(prefix)
    return Selection(tuple(select), tuple(ignore))
