"""Load a data set by name."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from normdrop.errors import DataError
from normdrop.lab.data._dataset import Dataset, Split, checksum
from normdrop.lab.data._files import Part, expand, read_stored, unpack
from normdrop.lab.data._locate import FoundFiles, locate
from normdrop.lab.data._registry import source as find_source
from normdrop.lab.data._source import DataSource


def load(name: str, *, folder: str | Path | None = None) -> Dataset:
    """Load a data set into memory.

    Args:
        name: "digits" (embedded: it needs no files), "mnist", "fashion-mnist", "cifar-10", "wine"
            or "concrete".
        folder: The only place to look for files: a folder that holds them, or a folder of the data
            set's name that does. By default `NORMDROP_DATA/<name>/` is searched, then the cache
            folder (`NORMDROP_CACHE/<name>/`), into which `normdrop data get` downloads.

    Raises:
        DataError: The name is unknown, files are missing, or one is not what it should be: the
            error names the file, what was found in it, what was expected, and what to do.

    Example:
        >>> load("digits")
        Dataset('digits', 1442 + 355 of shape (1, 8, 8), checksum 02c9269951df)
    """
    source = find_source(name)
    place = locate(source, folder)
    try:
        parts = read_parts(source, place)
        train, test = source.assemble(parts)
    except DataError as error:
        raise DataError(f"{error}; {source.way_out}") from error
    return Dataset(
        name=source.name,
        title=source.title,
        train=train,
        test=test,
        task=source.task,
        classes=source.classes,
        checksum=_checksum(parts, (train, test)),
        notes=tuple(dict.fromkeys(_notes(source, parts.values()))),
        citation=source.citation,
    )


def read_parts(source: DataSource, place: FoundFiles) -> dict[str, Part]:
    """The contents of all files, each read once; files in the cache must have their checksum.

    Raises:
        DataError: A file is unreadable or damaged, or is in the cache and not the published one.
    """
    parts: dict[str, Part] = {}
    published = {download.file: download.sha256 for download in source.downloads}
    for part, path in place.files.items():
        stored = read_stored(path)
        # The user vouches for other folders; what lies in the cache must be what was downloaded.
        found = hashlib.sha256(stored).hexdigest() if place.cached else ""
        if place.cached and found != published.get(path.name, found):
            raise DataError(f"{path}: expected SHA-256 {published[path.name]}, found {found}")
        if part == source.archive:
            parts |= unpack(path, stored, source.parts)
        else:
            parts[part] = expand(path, stored)
    return parts


def _notes(source: DataSource, parts: Iterable[Part]) -> Iterable[str]:
    if source.known:
        yield from (source.known[part.sha256] for part in parts if part.sha256 in source.known)


def _checksum(parts: Mapping[str, Part], splits: Iterable[Split]) -> str:
    """SHA-256 over the uncompressed files, or over the arrays of an embedded data set."""
    if not parts:
        return checksum(splits)
    total = hashlib.sha256()
    for name in sorted(parts):
        total.update(f"{name} {parts[name].sha256}\n".encode())
    return total.hexdigest()
