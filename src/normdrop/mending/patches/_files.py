"""Patches of files and folders."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from normdrop.errors import NormdropError
from normdrop.lint.rules import Rule, Suppression, check_files
from normdrop.lint.source import files
from normdrop.mending.patches._notebook import Notebook
from normdrop.mending.patches._patch import Patch, patch_text
from normdrop.mending.patches._script import Encoding
from normdrop.mending.repairs import Move
from normdrop.values.files import write_atomically
from normdrop.values.findings import Finding


def patch_files(
    paths: Sequence[str],
    rules: Sequence[Rule],
    *,
    exclude: Sequence[str] = (),
    suppressions: Sequence[Suppression] = (),
    unsafe: bool = False,
    remove_bias: bool = False,
    prefer: Sequence[Move] = (),
    weigh: bool = False,
    notes: list[str] | None = None,
) -> Iterator[Patch]:
    """A patch for every file in which rules find something.

    Args:
        paths: Files and folders.
        rules: The rules whose findings are mended.
        exclude: Patterns, as in a `.gitignore`, of what to leave out.
        suppressions: Accepted findings.
        unsafe: See `patch_text`.
        remove_bias: See `patch_text`.
        prefer: See `patch_text`.
        weigh: See `patch_text`.
        notes: What could not be read is added here, one line each.

    Raises:
        UsageError: A path does not exist.
    """
    for path in files(paths, exclude):
        found = check_files([path], rules, suppressions=suppressions)
        if notes is not None:
            notes.extend(found.notes)
        if not found:
            continue
        try:
            yield _patched(
                path,
                rules,
                unsafe=unsafe,
                remove_bias=remove_bias,
                suppressions=suppressions,
                prefer=prefer,
                weigh=weigh,
            )
        except (ValueError, SyntaxError, OSError) as error:
            # One file that cannot be written back as it was must not keep the others from it.
            if notes is not None:
                notes.append(f"{path}: not patched: {error}")


def _patched(
    path: str,
    rules: Sequence[Rule],
    *,
    unsafe: bool,
    remove_bias: bool,
    suppressions: Sequence[Suppression],
    prefer: Sequence[Move],
    weigh: bool,
) -> Patch:
    """The patch of one file.

    Raises:
        ValueError: It cannot be written back as it was.
        SyntaxError: It is not Python.
        OSError: It cannot be read.
    """
    content = Path(path).read_bytes()
    notebook = Notebook.of(content) if path.endswith(".ipynb") else None
    patch = patch_text(
        path,
        notebook.code if notebook else Encoding.of(content).decoded(content).decode(),
        rules,
        unsafe=unsafe,
        remove_bias=remove_bias,
        suppressions=suppressions,
        prefer=prefer,
        weigh=weigh,
    )
    return _of_notebook(notebook, patch) if notebook else patch


def _of_notebook(notebook: Notebook, patch: Patch) -> Patch:
    """A patch of the code in a notebook as one of the notebook itself."""
    after = notebook.edited(patch.after)

    def named(finding: Finding) -> Finding:
        return notebook.named(patch.path, finding)

    written = Notebook.of(after.encode())
    firsts = {id(each): named(each) for each in patch.mended}
    left = tuple(
        replace(
            each,
            finding=written.named(patch.path, each.finding),
            unwritten=each.unwritten and firsts.get(id(each.unwritten), named(each.unwritten)),
        )
        for each in patch.left
    )
    return Patch(patch.path, notebook.content, after, tuple(firsts.values()), left, patch.options)


def write(*patches: Patch) -> None:
    """Write patched files, all or none, each whole, in the encoding and with the mode it has.

    A link stays one: what it points to is written.

    Raises:
        NormdropError: One cannot be written, or has changed meanwhile; all are as they were.
    """
    written: list[tuple[str, bytes]] = []
    try:
        contents = [(patch.path, *_contents(patch)) for patch in patches]
        for path, before, after in contents:
            write_atomically(path, after)
            written.append((path, before))
    except (NormdropError, OSError) as error:
        for path, before in reversed(written):
            write_atomically(path, before)
        if isinstance(error, NormdropError):
            raise
        raise NormdropError(
            f"cannot read {error.filename!r} once more: {error.strerror}"
        ) from error


def _contents(patch: Patch) -> tuple[bytes, bytes]:
    """The bytes of a file before and after."""
    before = Path(patch.path).read_bytes()
    encoding = Encoding.of(before)
    if encoding.encoded(patch.before.encode()) != before:
        raise NormdropError(f"{patch.path} has changed while it was read: run fix once more")
    return before, encoding.encoded(patch.after.encode())
