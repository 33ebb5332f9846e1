"""Whether the files of a data set are what their checksums say."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from normdrop.errors import DataError
from normdrop.lab.data._files import read_stored
from normdrop.lab.data._load import load
from normdrop.lab.data._locate import locate
from normdrop.lab.data._registry import source as find_source

Verdict: TypeAlias = Literal["published", "listed", "unlisted", "wrong"]

_LIST = "SHA256SUMS"


@dataclass(frozen=True)
class FileCheck:
    """One file of a data set against its checksum.

    Attributes:
        path: The file.
        verdict: "published" if it is the published file bit for bit, else "listed" if it is what
            `SHA256SUMS` beside it says, "unlisted" if nothing is known of it, "wrong" if it
            contradicts `SHA256SUMS` or, in the cache, its published checksum.
        message: What is wrong; empty otherwise.
    """

    path: Path
    verdict: Verdict
    message: str = ""


def verify(name: str, *, folder: str | Path | None = None) -> tuple[FileCheck, ...]:
    """Check every file of a data set, and that the whole of it loads.

    `SHA256SUMS` is looked for in the folder of the files and in the one above it.

    Raises:
        DataError: The name is unknown, files are missing, or files that have the right checksum,
            or none, do not load.
    """
    source = find_source(name)
    place = locate(source, folder)
    published = {download.file: download.sha256 for download in source.downloads}
    listed = _listed(place.folder.parent) | _listed(place.folder) if place.files else {}
    checks = tuple(
        _check(path, published.get(path.name), listed.get(path.resolve()), cached=place.cached)
        for path in place.files.values()
    )
    if all(check.verdict != "wrong" for check in checks):
        load(name, folder=folder)
    return checks


def _check(path: Path, published: str | None, listed: str | None, *, cached: bool) -> FileCheck:
    found = hashlib.sha256(read_stored(path)).hexdigest()
    expected = listed or (published if cached else None)
    if expected and found != expected:
        by = f"listed in {_LIST}" if listed else "published"
        return FileCheck(path, "wrong", f"SHA-256 {found[:12]}…, {by}: {expected[:12]}…")
    if found == published:
        return FileCheck(path, "published")
    return FileCheck(path, "listed" if listed else "unlisted")


def _listed(folder: Path) -> dict[Path, str]:
    """The checksums a folder's `SHA256SUMS` lists, by absolute path; none if there is no list."""
    path = folder / _LIST
    if not path.is_file():
        return {}
    checksums = {}
    for number, line in enumerate(read_stored(path).decode(errors="replace").splitlines(), start=1):
        checksum, _, file = line.strip().partition(" ")
        if not line.strip():
            continue
        if len(checksum) != hashlib.sha256().digest_size * 2 or not file.strip():
            raise DataError(
                f"{path}, line {number}: expected a SHA-256 and a file name, found {line[:60]!r}"
            )
        # sha256sum marks a file read in binary mode with an asterisk.
        checksums[(folder / file.strip().removeprefix("*")).resolve()] = checksum.lower()
    return checksums
