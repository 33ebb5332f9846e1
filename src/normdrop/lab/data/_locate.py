"""Where the files of a data set are."""

import os
from dataclasses import dataclass
from pathlib import Path

from normdrop.errors import DataError
from normdrop.lab.data._files import SUFFIXES
from normdrop.lab.data._source import DataSource


@dataclass(frozen=True)
class FoundFiles:
    """A folder that holds a whole data set.

    Attributes:
        folder: The folder.
        files: The part each file holds, or the archive that holds all of them.
        cached: Whether normdrop downloaded the files itself, so that their checksums are known.
    """

    folder: Path
    files: dict[str, Path]
    cached: bool


def cache_folder() -> Path:
    """Where downloads are kept: `NORMDROP_CACHE`, or the user's cache folder."""
    import pooch

    return Path(os.environ.get("NORMDROP_CACHE") or pooch.os_cache("normdrop"))


def locate(source: DataSource, folder: str | Path | None = None) -> FoundFiles:
    """Find the files of a data set.

    Args:
        source: The data set.
        folder: The only place to look: a folder with the files, or with a folder of the data set's
            name in it. By default `NORMDROP_DATA` and then the cache folder are searched.

    Raises:
        DataError: No place holds all files; the error lists what is missing where.
    """
    if not source.parts:
        return FoundFiles(Path(), {}, cached=False)
    missing = []
    for candidate in _candidates(source, folder):
        files = _files(source, candidate)
        if len(files) == len(source.parts) or source.archive in files:
            cached = folder is None and candidate == cache_folder() / source.name
            return FoundFiles(candidate, files, cached)
        absent = [part for part in source.parts if part not in files]
        missing.append(f"{candidate} has no {' and no '.join(absent[:2])}")
    looked = "; ".join(missing)
    raise DataError(f"no files of {source.name!r}: {looked}; {source.way_out}")


def _candidates(source: DataSource, folder: str | Path | None) -> list[Path]:
    if folder is not None:
        return [Path(folder) / source.name, Path(folder)]
    shared = os.environ.get("NORMDROP_DATA")
    places = [Path(shared)] if shared else []
    return [place / source.name for place in [*places, cache_folder()]]


def _files(source: DataSource, folder: Path) -> dict[str, Path]:
    """The file of each part, plain before compressed; the archive stands in for all of them."""
    files = {}
    for part in source.parts:
        for suffix in SUFFIXES:
            path = folder / (part + suffix)
            if path.is_file():
                files[part] = path
                break
    if len(files) < len(source.parts) and source.archive and (folder / source.archive).is_file():
        return {source.archive: folder / source.archive}
    return files
