"""What `pyproject.toml` says under `[tool.normdrop]`."""

import re
from dataclasses import dataclass
from pathlib import Path

from normdrop.errors import UsageError
from normdrop.lint.rules._codes import meant
from normdrop.lint.rules._suppressions import Suppression
from normdrop.values.location import Location

_LISTS = ("select", "ignore", "exclude")
_KEYS = {*_LISTS, "baseline", "suppressions"}
_MOST_BYTES = 4_000_000
# A key of TOML may be written with escapes, `"norm\u0064rop"`, and then holds a backslash.
_MAY_NAME_US = re.compile(rb"normdrop|\\u", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """The settings of a project.

    Attributes:
        select: Codes to run, or their beginnings; empty for all but opinions.
        ignore: Codes not to run, or their beginnings.
        exclude: Patterns of files to leave out, as in a `.gitignore`.
        baseline: A file of findings that are known, or an empty string.
        suppressions: Findings that are accepted, by layer or file, each with a reason.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    baseline: str = ""
    suppressions: tuple[Suppression, ...] = ()


def project_settings(folder: Path) -> ProjectSettings:
    """The settings of the nearest `pyproject.toml` in or above a folder.

    Raises:
        UsageError: The file is no TOML, or a setting is unknown or of another type.
    """
    start = folder.resolve()
    for each in (start, *start.parents):
        file = each / "pyproject.toml"
        if file.is_file():
            return _read(file)
    return ProjectSettings()


def _read(file: Path) -> ProjectSettings:
    with file.open("rb") as opened:
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{file}: longer than {_MOST_BYTES // 1_000_000} million bytes")
    # Most projects have no settings of ours, and reading all of theirs costs more than this.
    if not _MAY_NAME_US.search(content):
        return ProjectSettings()
    text = content.decode(errors="surrogateescape")
    table = _table(file, text)
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise UsageError(
            f"{file}: [tool.normdrop] has no setting {unknown[0]!r}; there are "
            f"{', '.join(sorted(_KEYS))}"
        )
    lists = {name: _texts(file, name, table.get(name, [])) for name in _LISTS}
    baseline = table.get("baseline", "")
    if not isinstance(baseline, str) or "\0" in baseline:
        raise UsageError(f"{file}: [tool.normdrop] baseline is the path of a file")
    entries = table.get("suppressions", [])
    if not isinstance(entries, list):
        raise UsageError(
            f"{file}: write each suppression as a table [[tool.normdrop.suppressions]]"
        )
    return ProjectSettings(
        select=tuple(_code(file, "select", each) for each in lists["select"]),
        ignore=tuple(_code(file, "ignore", each) for each in lists["ignore"]),
        exclude=lists["exclude"],
        baseline=str(file.parent / baseline) if baseline else "",
        suppressions=tuple(_suppression(file, text, each) for each in entries),
    )


def _table(file: Path, text: str) -> dict[str, object]:
    """What stands under `[tool.normdrop]`, however TOML lets it be written; empty if nothing."""
    import tomllib

    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise UsageError(f"{file}: nested too deeply to be read") from None
    except ValueError as error:  # also of a number that Python has no digits for
        raise UsageError(f"{file}: {error}") from None
    tools = content.get("tool", {})
    table = tools.get("normdrop", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{file}: [tool.normdrop] is a table of settings")
    return table


def _texts(file: Path, name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UsageError(f"{file}: [tool.normdrop] {name} is a list of strings")
    return tuple(value)


def _code(file: Path, name: str, written: str) -> str:
    try:
        return meant(written)
    except UsageError as error:
        raise UsageError(f"{file}: [tool.normdrop] {name}: {error}") from None


def _suppression(file: Path, text: str, entry: object) -> Suppression:
    """One `[[tool.normdrop.suppressions]]`."""
    wanted = {"code", "path", "reason"}
    if (
        not isinstance(entry, dict)
        or set(entry) != wanted
        or not all(isinstance(each, str) for each in entry.values())
        or not entry["path"].strip()
    ):
        raise UsageError(
            f"{file}: an entry of [[tool.normdrop.suppressions]] has a code, the path of a layer "
            "or a file, and a reason"
        )
    lines = text.splitlines()
    line = next((n for n, line in enumerate(lines, 1) if f'"{entry["path"]}"' in line), 1)
    place = Location(str(file), line)
    code = _code(file, "suppressions", entry["code"])
    return Suppression((code,), entry["reason"].strip(), place, entry["path"])
