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
_TIMEOUT = 30.0  # seconds without a byte
_SLOWEST = 20_000  # bytes a second that a mirror has to serve on the whole
_PATIENCE = 60.0  # seconds that it may take besides
_CHUNK = 1 << 16


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
    patience: float = _PATIENCE,
) -> Path:
    """Fetch every published file that is not there yet, and return the folder they are in.

    Mirrors are tried in turn, three rounds of them, with a pause that doubles between rounds. A
    file appears under its name only once it is complete and its checksum is right.

    Args:
        source: The data set.
        folder: Where to put the files; by default its folder in the cache.
        bar: Makes a progress bar for a file.
        wait: Seconds to pause after the first round.
        patience: Seconds that a mirror may take for a file, besides one for every 20 kB.

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
                _fetch(wanted, target, bar, wait, patience)
    except OSError as error:
        raise DataError(
            f"cannot write to {target}: {error.strerror or error}; "
            "set NORMDROP_CACHE to a folder with room"
        ) from error
    return target


def _fetch(
    wanted: Download,
    target: Path,
    bar: Callable[[Download], Bar] | None,
    wait: float,
    patience: float,
) -> None:
    """Try the mirrors in turn until one serves the right file."""
    failures: dict[str, str] = {}
    shown = bar(wanted) if bar else None
    for attempt in range(_ROUNDS):
        if attempt:
            time.sleep(wait * 2 ** (attempt - 1))
        for mirror in wanted.mirrors:
            failure = _try(wanted, mirror, target, shown, patience)
            if failure is None:
                return
            failures[mirror] = failure
    told = "; ".join(f"{mirror}: {failure}" for mirror, failure in failures.items())
    raise DataError(
        f"{wanted.file}: no mirror served it in {_ROUNDS} attempts ({told}); check the network, or "
        f"put the file into {target}"
    )


def _try(
    wanted: Download, mirror: str, target: Path, bar: Bar | None, patience: float
) -> str | None:
    """Fetch from one mirror; say what went wrong there, or nothing."""
    import pooch
    import requests
    import urllib3

    if bar:
        bar.reset()
    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(
                mirror,
                f"sha256:{wanted.sha256}",
                fname=wanted.file,
                path=target,
                downloader=_within_budget(wanted, bar, patience),
            )
    except requests.HTTPError as error:
        return str(error).partition(" for url")[0]
    except requests.RequestException as error:
        return type(error).__name__
    except urllib3.exceptions.HTTPError as error:
        return "cut short" if isinstance(error, urllib3.exceptions.ProtocolError) else "timed out"
    except _BudgetError as error:
        return str(error)
    except ValueError:
        return "wrong checksum"
    return None


class _BudgetError(Exception):
    """A mirror that serves too much, or too slowly."""


def _within_budget(
    wanted: Download, bar: Bar | None, patience: float
) -> Callable[[str, str, object], None]:
    """What fetches a file for pooch, and gives up where it is too long or takes too long.

    Whatever a mirror says of the size, no more than what is published is written to the disk.
    """
    import requests

    def fetch(url: str, file: str, _: object) -> None:
        ends = time.monotonic() + patience + wanted.size / _SLOWEST
        read = 0
        with (
            requests.get(url, stream=True, timeout=min(_TIMEOUT, patience)) as answer,
            Path(file).open("wb") as written,
        ):
            answer.raise_for_status()
            # What is there, rather than a whole chunk: that a mirror could keep for hours.
            while chunk := answer.raw.read1(_CHUNK, decode_content=True):
                read += len(chunk)
                if read > wanted.size:
                    raise _BudgetError(f"more than {wanted.size} bytes")
                if time.monotonic() > ends:
                    raise _BudgetError("too slow")
                written.write(chunk)
                if bar:
                    bar.update(len(chunk))
        if bar:
            bar.close()

    return fetch


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch from writing lines of its own between ours."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
