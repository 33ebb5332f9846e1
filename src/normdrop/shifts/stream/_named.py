"""Norm layers by the names a user gives."""

from collections.abc import Iterable

from normdrop.errors import UsageError


def under(paths: Iterable[str], names: Iterable[str], separator: str = ".") -> frozenset[str]:
    """The norm layers of these names, or inside modules of these names.

    Args:
        paths: Every norm layer.
        names: What the user gave.
        separator: What stands between a module's name and that of a layer inside.

    Raises:
        UsageError: A name has no norm layer.

    >>> sorted(under(["stem", "body.0", "body.1"], ["body"]))
    ['body.0', 'body.1']
    """
    paths = tuple(paths)
    found: set[str] = set()
    for name in names:
        inside = {p for p in paths if p == name or p.startswith(f"{name}{separator}")}
        if not inside:
            raise UsageError(f"frozen names {name!r}, where there is no norm layer")
        found |= inside
    return frozenset(found)
