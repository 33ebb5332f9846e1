"""What `pyproject.toml` says under `[tool.normdrop]`."""

from dataclasses import dataclass
from pathlib import Path

from normdrop.errors import UsageError
from normdrop.lint.rules._suppressions import Suppression
from normdrop.values.location import Location

_LISTS = ("select", "ignore", "exclude")
_KEYS = {*_LISTS, "baseline", "suppressions"}


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """The settings of a project.

    Attributes:
        select: Beginnings of the codes to run; empty for all but opinions.
        ignore: Beginnings of the codes not to run.
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
    text = file.read_text(encoding="utf-8", errors="replace")
    if "[tool.normdrop" not in text:
        return ProjectSettings()
    import tomllib

    try:
        tools = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file}: {error}") from None
    # The words may stand in a comment or a string.
    table = tools.get("normdrop", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{file}: [tool.normdrop] is a table of settings")
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise UsageError(
            f"{file}: [tool.normdrop] has no setting {unknown[0]!r}; there are "
            f"{', '.join(sorted(_KEYS))}"
        )
    lists = {name: _texts(file, name, table.get(name, [])) for name in _LISTS}
    baseline = table.get("baseline", "")
    if not isinstance(baseline, str):
        raise UsageError(f"{file}: [tool.normdrop] baseline is the path of a file")
    entries = table.get("suppressions", [])
    return ProjectSettings(
        **lists,
        baseline=str(file.parent / baseline) if baseline else "",
        suppressions=tuple(_suppression(file, text, each) for each in entries),
    )


def _texts(file: Path, name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UsageError(f"{file}: [tool.normdrop] {name} is a list of strings")
    return tuple(value)


def _suppression(file: Path, text: str, entry: object) -> Suppression:
    """One `[[tool.normdrop.suppressions]]`."""
    wanted = {"code", "path", "reason"}
    if (
        not isinstance(entry, dict)
        or set(entry) != wanted
        or not all(map(_is_text, entry.values()))
    ):
        raise UsageError(
            f"{file}: an entry of [[tool.normdrop.suppressions]] has a code, the path of a layer "
            "or a file, and a reason"
        )
    lines = text.splitlines()
    line = next((n for n, line in enumerate(lines, 1) if f'"{entry["path"]}"' in line), 1)
    place = Location(str(file), line)
    return Suppression((entry["code"].upper(),), entry["reason"].strip(), place, entry["path"])


def _is_text(value: object) -> bool:
    return isinstance(value, str)
