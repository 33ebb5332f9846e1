"""Which files a check reads, and what stands in them."""

import ast
import io
import json
import os
import re
import stat
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
SUFFIXES = (".py", ".ipynb")
"""How files of source end; another file is read where it is given itself."""
# Weights and whole models as other programs write them; there is no source in them.
_MODELS = (
    *(
        ".pt",
        ".pth",
        ".ckpt",
        ".bin",
        ".safetensors",
        ".pkl",
        ".joblib",
        ".npz",
        ".npy",
        ".msgpack",
    ),
    *(
        ".onnx",
        ".pb",
        ".tflite",
        ".index",
        ".mlmodel",
        ".pt2",
        ".zip",
        ".tar",
        ".gz",
        ".weights.h5",
    ),
)
_SAVED_MODELS = ("saved_model.pb", "saved_model.pbtxt")
_MODEL_FOLDERS = (*_SAVED_MODELS, "model.safetensors", "pytorch_model.bin")
"""What lies in a folder that is one model, and no folder of source."""
_INSTEAD = "write a callable that makes the model and pass FACTORY, such as net.py:make"
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


class NoFileError(ValueError):
    """A link that leads nowhere, a pipe or a device: there is nothing to read, or no end to it."""


def files(
    paths: Sequence[str], exclude: Sequence[str] = (), notes: list[str] | None = None
) -> Iterator[str]:
    """The Python files and notebooks at and below some paths, in order.

    Folders that are links are not entered. What `.gitignore` files name is left out, unless it is
    given itself.

    Args:
        paths: Files and folders.
        exclude: Patterns, as in a `.gitignore`, of what to leave out.
        notes: What could not be looked through is added here, one line each.

    Raises:
        UsageError: A path does not exist, or holds a model and no source.
    """
    left_out = _excluded(exclude) if exclude else None
    troubles: list[str] = [] if notes is None else notes
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - one call a file on a path that is a string
            yield from _below(path, left_out, troubles)
        elif os.path.lexists(path):
            if path.lower().endswith(_MODELS):
                raise UsageError(f"{path} holds weights or a model, and no source: {_INSTEAD}")
            yield _without_dot(path)
        else:
            raise UsageError(
                f"{path or repr(path)} does not exist: "
                "name a file, a folder or package.module:callable"
            )


def _below(folder: str, left_out: "GitIgnoreSpec | None", troubles: list[str]) -> Iterator[str]:
    def trouble(error: OSError) -> None:
        troubles.append(f"{error.filename}: {error.strerror or error}: not looked through")

    ignores = _above(folder)
    any_source, before = False, len(troubles)
    for root, inner, names in os.walk(folder, onerror=trouble):
        any_source = any_source or any(each.endswith(SUFFIXES) for each in names)
        if ".gitignore" in names:
            ignores[os.path.abspath(root)] = _read_ignore(root)  # noqa: PTH100 - as above
        relevant = [
            (base, spec) for base, spec in ignores.items() if spec and _is_inside(root, base)
        ]
        kept = [
            each
            for each in inner
            if each not in _NEVER and not _ignored(os.path.join(root, each) + "/", relevant)  # noqa: PTH118
        ]
        any_source = any_source or len(kept) < len(inner)
        inner[:] = sorted(kept)
        for name in sorted(names):
            if name.endswith(SUFFIXES):
                path = os.path.join(root, name)  # noqa: PTH118 - as above
                if not _ignored(path, relevant) and not (left_out and left_out.match_file(path)):
                    yield _without_dot(path)
    if not any_source:
        held = [each for each in _MODEL_FOLDERS if (Path(folder) / each).exists()]
        if held:
            trusted = (
                "" if held[0] not in _SAVED_MODELS else "where you trust it, pass --trust; or "
            )
            raise UsageError(
                f"{folder} holds a model, {held[0]}, and no source: {trusted}{_INSTEAD}"
            )
        if len(troubles) == before:
            troubles.append(f"{folder}: no Python file and no notebook in it: nothing was checked")


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
    except (ValueError, re.error):  # of a range that ends before it begins, too
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
        NoFileError: It is a link that leads nowhere, a pipe or a device.
        ValueError: Its code is too long, or it is a notebook that is no JSON.
    """
    _check_kind(path)
    notebook = path.endswith(".ipynb")
    with open(path, "rb") as file:  # noqa: PTH123 - one call a file on a path that is a string
        # The outputs of a notebook may be of any size.
        content = file.read() if notebook else file.read(MOST_BYTES + 1)
    text = _notebook(content) if notebook else Text(content)
    if len(text.code) > MOST_BYTES:
        raise ValueError(f"longer than {MOST_BYTES // 1_000_000} million bytes: not checked")
    return text


def _check_kind(path: str) -> None:
    """Refuse what is no file, before it is opened: a pipe would keep whoever opens it waiting."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - as above
    except OSError as error:
        if os.path.islink(path):  # noqa: PTH114 - as above
            raise NoFileError("a link that leads nowhere") from error
        raise
    if not stat.S_ISREG(mode):
        raise NoFileError("a pipe, a socket or a device")


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
        lines.extend(cell_lines(source))
    return Text("\n".join(lines).encode(errors="replace"), tuple(starts))


def _cells(book: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """The cells of a notebook, also of its third format, which held them in worksheets."""
    for sheet in book.get("worksheets", [book]):
        yield from sheet["cells"]


def cell_lines(source: str) -> list[str]:
    r"""The lines of a notebook's cell as Python.

    >>> cell_lines("!pip install torch\nx = 1")
    ['pass', 'x = 1']
    """
    # Most commands that take a whole cell do not take Python.
    other = source.startswith("%%") and not _PYTHON_CELL.match(source)
    return ["pass"] if other else list(_plain(_LINE_END.split(source)))


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
