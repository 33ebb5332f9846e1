"""The rules there are: every module of this folder without a leading underscore holds one."""

import importlib
import pkgutil
from functools import cache

from normdrop.errors import UsageError

from ._rule import Rule


@cache
def all_rules() -> tuple[type[Rule], ...]:
    """Every rule, by its code."""
    import normdrop.rules

    names = [module.name for module in pkgutil.iter_modules(normdrop.rules.__path__)]
    for name in names:
        if not name.startswith("_"):
            importlib.import_module(f"normdrop.rules.{name}")
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
    known = ", ".join(each.code for each in all_rules())
    raise UsageError(f"no rule is called {code!r}: there are {known}")


def selected(select: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> tuple[Rule, ...]:
    """The rules whose codes begin with one of `select` and with none of `ignore`.

    Opinions run only when they are selected by their full code.

    Raises:
        UsageError: Something selected or ignored is the beginning of no code.

    >>> [rule.code for rule in selected(("ND101", "ND201"), ("ND2",))]
    ['ND101']
    """
    for prefix in (*select, *ignore):
        if not any(each.code.startswith(prefix) for each in all_rules()):
            rule(prefix)
    wanted = tuple(select) or ("ND",)
    return tuple(
        each()
        for each in all_rules()
        if (each.code in select if each.opinion else each.code.startswith(wanted))
        and not (ignore and each.code.startswith(tuple(ignore)))
    )
