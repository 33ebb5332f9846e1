"""Which files a check reads, and what stands in them."""

import io
import json
import os
import re
import stat
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
_MODEL_FOLDERS = ("saved_model.pb", "saved_model.pbtxt", "model.safetensors", "pytorch_model.bin")
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
                f"{path or repr(path)} does not exist: name a file, a folder or package.module:callable"
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
            raise UsageError(f"{folder} holds a model, {held[0]}, and no source: {_INSTEAD}")
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
    """

    code: bytes
    cells: tuple[tuple[int, int], ...] = ()

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


def read_text(path: str) -> Text:
    """Read a file or notebook.

    Raises:
        OSError: It cannot be read.
        NoFileError: It is a link that leads nowhere, a pipe or a device.
        ValueError: It is too long, or a notebook that is no JSON.
    """
    _check_kind(path)
    with open(path, "rb") as file:  # noqa: PTH123 - one call a file on a path that is a string
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"longer than {MOST_BYTES // 1_000_000} million bytes: not checked")
    return _notebook(content) if path.endswith(".ipynb") else Text(content)


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
        cells = json.loads(content)["cells"]
        sources = [
            (number, "".join(cell["source"]))
            for number, cell in enumerate(cells, start=1)
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("not a notebook: no list of cells in it") from None
    lines: list[str] = []
    starts = []
    for number, source in sources:
        starts.append((len(lines) + 1, number))
        first, *rest = map(_plain, source.split("\n"))
        # Most commands that take a whole cell do not take Python.
        other = source.startswith("%%") and not _PYTHON_CELL.match(source)
        lines.extend(["pass"] if other else [first, *rest])
    return Text("\n".join(lines).encode(), tuple(starts))


def _plain(line: str) -> str:
    """A line of a cell, in Python: a command of the notebook does nothing, and yields nothing."""
    bare = line.lstrip()
    if bare.startswith(("%", "!", "?")) or _HELP.fullmatch(bare):
        return line[: len(line) - len(bare)] + "pass"
    assigned = _ASSIGNED.match(line)
    return f"{assigned[1]}None" if assigned else line
