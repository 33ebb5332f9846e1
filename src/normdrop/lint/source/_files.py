"""Which files a check reads, and what stands in them."""

import ast
import io
import json
import os
import re
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from normdrop.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

# Where Python's own tokenizer ends a line; a form feed is a blank.
_LINE_END = re.compile(r"\r\n|\r|\n")
# The commands of a notebook that run a cell of Python, `x?`, and `x = !command`.
_PYTHON_CELL = re.compile(r"%%(?:time|timeit|capture|prun)\b")
_HELP = re.compile(r"[\w.]+\?{1,2}\s*")
_ASSIGNED = re.compile(r"(\s*[A-Za-z_][\w., ]*\s*=\s*)[!%]")
# Longer files are generated, and following them is not worth the wait.
MOST_BYTES = 4_000_000
_SUFFIXES = (".py", ".ipynb")
_NEVER = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        ".tox",
        ".nox",
        "__pycache__",
        "node_modules",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".ipynb_checkpoints",
    ]
)


def files(paths: Sequence[str], exclude: Sequence[str] = ()) -> Iterator[str]:
    """The Python files and notebooks at and below some paths, in order.

    Folders that are links are not entered. What `.gitignore` files name is left out, unless it is
    given itself.

    Raises:
        UsageError: A path does not exist.
    """
    left_out = _excluded(exclude) if exclude else None
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - one call a file on a path that is a string
            yield from _below(path, left_out)
        elif os.path.lexists(path):
            yield _without_dot(path)
        else:
            raise UsageError(
                f"{path} does not exist: name a file, a folder or package.module:callable"
            )


def _below(folder: str, left_out: "GitIgnoreSpec | None") -> Iterator[str]:
    ignores = _above(folder)
    for root, inner, names in os.walk(folder):
        if ".gitignore" in names:
            ignores[os.path.abspath(root)] = _read_ignore(root)  # noqa: PTH100 - as above
        relevant = [
            (base, spec) for base, spec in ignores.items() if spec and _is_inside(root, base)
        ]
        inner[:] = sorted(
            each
            for each in inner
            if each not in _NEVER and not _ignored(os.path.join(root, each) + "/", relevant)  # noqa: PTH118
        )
        for name in sorted(names):
            if name.endswith(_SUFFIXES):
                path = os.path.join(root, name)  # noqa: PTH118 - as above
                if not _ignored(path, relevant) and not (left_out and left_out.match_file(path)):
                    yield _without_dot(path)


def _without_dot(path: str) -> str:
    """A path as others name it: GitHub finds no file called `./net.py`."""
    return path.removeprefix("./")


def _is_inside(root: str, base: str) -> bool:
    return (os.path.abspath(root) + os.sep).startswith(base.rstrip(os.sep) + os.sep)  # noqa: PTH100


def _ignored(path: str, relevant: "list[tuple[str, GitIgnoreSpec]]") -> bool:
    full = os.path.abspath(path) + ("/" if path.endswith("/") else "")  # noqa: PTH100
    return any(spec.match_file(full[len(base.rstrip(os.sep)) + 1 :]) for base, spec in relevant)


def _above(folder: str) -> "dict[str, GitIgnoreSpec | None]":
    """The ignore files of the folders around one, up to the top of its repository."""
    found: dict[str, GitIgnoreSpec | None] = {}
    start = Path(folder).resolve()
    top = next((each for each in (start, *start.parents) if (each / ".git").exists()), None)
    for each in start.parents:
        if top is None or not each.is_relative_to(top):
            break
        if (each / ".gitignore").is_file():
            spec = _read_ignore(str(each))
            # A folder that is ignored and yet given is meant.
            if spec is not None and not spec.match_file(f"{start.relative_to(each)}/"):
                found[str(each)] = spec
    return found


def _read_ignore(folder: str) -> "GitIgnoreSpec | None":
    try:
        text = (Path(folder) / ".gitignore").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    # As git does: what is no pattern names nothing.
    known = [line for line in lines if _spec([line]) is not None]
    return _spec(known) if known else None


def _excluded(patterns: Sequence[str]) -> "GitIgnoreSpec | None":
    """What a user leaves out.

    Raises:
        UsageError: Something is no pattern.
    """
    for each in patterns:
        if _spec([each]) is None:
            raise UsageError(f"exclude: {each!r} is no pattern of a .gitignore")
    return _spec(list(patterns))


def _spec(lines: list[str]) -> "GitIgnoreSpec | None":
    """The patterns of some lines; None where one is no pattern."""
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Text:
    """The content of a file.

    Attributes:
        code: The Python in it.
        cells: For a notebook, the number of the first line of every code cell, counted from 1, and
            the cell's number.
        unread: For a notebook, what was left out of the code, and why, one line each.
    """

    code: bytes
    cells: tuple[tuple[int, int], ...] = ()
    unread: tuple[str, ...] = ()

    def place(self, path: str, line: int) -> tuple[str, int]:
        """Where a line of the code stands for a reader: file, or cell, and line."""
        for first, number in reversed(self.cells):
            if line >= first:
                return f"{path}:cell {number}", line - first + 1
        return path, line

    def lines(self) -> list[str]:
        """The code, line by line."""
        encoding, _ = tokenize.detect_encoding(io.BytesIO(self.code).readline)
        return _LINE_END.split(self.code.decode(encoding, errors="replace"))

    def of_whole_cells(self, path: str) -> "Text":
        """A notebook without the cells that are no Python: each is as many lines that do nothing.

        The other cells keep their lines. A file that is no notebook stays as it is.
        """
        lines = self.code.split(b"\n")
        ends = [first - 1 for first, _ in self.cells[1:]] + [len(lines)]
        unread = []
        for (first, number), end in zip(self.cells, ends, strict=True):
            reason = _unread(b"\n".join(lines[first - 1 : end]))
            if reason:
                unread.append(f"{path}:cell {number}: {reason}: the cell was not read")
                lines[first - 1 : end] = [b"pass"] * (end - first + 1)
        return Text(b"\n".join(lines), self.cells, tuple(unread))


def _unread(code: bytes) -> str:
    """Why a cell cannot be read, in a few words; empty if it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return unreadable(error)
    return ""


# What Python 3 says of the syntax that it took away.
_OLD = re.compile(
    r"Missing parentheses in call to|multiple exception types must be parenthesized"
    r"|leading zeros in decimal|invalid hexadecimal literal|invalid decimal literal|<>"
)


def unreadable(error: Exception) -> str:
    """Why something could not be read, in one line."""
    if isinstance(error, SyntaxError):
        where = f", line {error.lineno}" if error.lineno else ""
        what = "Python 2, not 3" if _OLD.match(error.msg) else "not Python"
        return f"{what}: {error.msg}{where}"
    if isinstance(error, RecursionError | MemoryError):
        return "nested too deeply to be parsed"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return " ".join(str(error).split()) or type(error).__name__


def read_text(path: str) -> Text:
    """Read a file or notebook.

    Raises:
        OSError: It cannot be read.
        ValueError: Its code is too long, or it is a notebook that is no JSON.
    """
    notebook = path.endswith(".ipynb")
    with open(path, "rb") as file:  # noqa: PTH123 - one call a file on a path that is a string
        # The outputs of a notebook may be of any size.
        content = file.read() if notebook else file.read(MOST_BYTES + 1)
    text = _notebook(content) if notebook else Text(content)
    if len(text.code) > MOST_BYTES:
        raise ValueError(f"longer than {MOST_BYTES // 1_000_000} million bytes: not checked")
    return text


def _notebook(content: bytes) -> Text:
    try:
        sources = [
            (number, "".join(cell.get("source", cell.get("input", ""))))
            for number, cell in enumerate(_cells(json.loads(content)), start=1)
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("not a notebook: no list of cells in it") from None
    lines: list[str] = []
    starts = []
    for number, source in sources:
        starts.append((len(lines) + 1, number))
        # Most commands that take a whole cell do not take Python.
        other = source.startswith("%%") and not _PYTHON_CELL.match(source)
        lines.extend(["pass"] if other else _plain(_LINE_END.split(source)))
    return Text("\n".join(lines).encode(errors="replace"), tuple(starts))


def _cells(book: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """The cells of a notebook, also of its third format, which held them in worksheets."""
    for sheet in book.get("worksheets", [book]):
        yield from sheet["cells"]


def _plain(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a cell, in Python: a command does nothing, and yields nothing."""
    goes_on = False
    for line in lines:
        bare = line.lstrip()
        indent = line[: len(line) - len(bare)]
        assigned = _ASSIGNED.match(line)
        command = bare.startswith(("%", "!", "?")) or _HELP.fullmatch(bare) is not None
        if goes_on or command:
            yield "" if goes_on else f"{indent}pass"
        else:
            yield f"{assigned[1]}None" if assigned else line
        goes_on = (goes_on or command or assigned is not None) and bare.endswith("\\")
