"""Download the published files of a data set into the cache folder."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from normdrop.errors import DataError
from normdrop.lab.data._files import read_stored
from normdrop.lab.data._locate import cache_folder
from normdrop.lab.data._source import DataSource, Download

_ROUNDS = 3  # through all mirrors: what one refuses now it may serve a moment later
_TIMEOUT = 30.0


class Bar(Protocol):
    """A progress bar for the bytes of one file, as pooch drives it."""

    total: int

    def update(self, count: int) -> None:
        """Advance by `count` bytes."""

    def reset(self) -> None:
        """Start again at zero."""

    def close(self) -> None:
        """The file is complete."""


def download(
    source: DataSource,
    *,
    folder: Path | None = None,
    bar: Callable[[Download], Bar] | None = None,
    wait: float = 1.0,
) -> Path:
    """Fetch every published file that is not there yet, and return the folder they are in.

    Mirrors are tried in turn, three rounds of them, with a pause that doubles between rounds. A
    file appears under its name only once it is complete and its checksum is right.

    Args:
        source: The data set.
        folder: Where to put the files; by default its folder in the cache.
        bar: Makes a progress bar for a file.
        wait: Seconds to pause after the first round.

    Raises:
        DataError: A file could not be had from any mirror, or could not be written.
    """
    target = folder or cache_folder() / source.name
    if source.parts and not source.downloads:
        raise DataError(f"{source.name!r} is not published for download: {source.citation}")
    try:
        for wanted in source.downloads:
            path = target / wanted.file
            there = hashlib.sha256(read_stored(path)).hexdigest() if path.is_file() else ""
            if there != wanted.sha256:
                _fetch(wanted, target, bar, wait)
    except OSError as error:
        raise DataError(
            f"cannot write to {target}: {error.strerror or error}; "
            "set NORMDROP_CACHE to a folder with room"
        ) from error
    return target


def _fetch(
    wanted: Download, target: Path, bar: Callable[[Download], Bar] | None, wait: float
) -> None:
    """Try the mirrors in turn until one serves the right file."""
    failures: dict[str, str] = {}
    shown = bar(wanted) if bar else None
    for attempt in range(_ROUNDS):
        if attempt:
            time.sleep(wait * 2 ** (attempt - 1))
        for mirror in wanted.mirrors:
            failure = _try(wanted, mirror, target, shown)
            if failure is None:
                return
            failures[mirror] = failure
    told = "; ".join(f"{mirror}: {failure}" for mirror, failure in failures.items())
    raise DataError(
        f"{wanted.file}: no mirror served it in {_ROUNDS} attempts ({told}); check the network, or "
        f"put the file into {target}"
    )


def _try(wanted: Download, mirror: str, target: Path, bar: Bar | None) -> str | None:
    """Fetch from one mirror; say what went wrong there, or nothing."""
    import pooch
    import requests

    if bar:
        bar.reset()
    downloader = pooch.HTTPDownloader(
        progressbar=bar or False, timeout=_TIMEOUT, chunk_size=1 << 16
    )
    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(
                mirror,
                f"sha256:{wanted.sha256}",
                fname=wanted.file,
                path=target,
                downloader=downloader,
            )
    except requests.HTTPError as error:
        return str(error).partition(" for url")[0]
    except requests.RequestException as error:
        return type(error).__name__
    except ValueError:
        return "wrong checksum"
    return None


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch from writing lines of its own between ours."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
