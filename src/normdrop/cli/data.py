"""`normdrop data`: which data sets there are, where they lie, and whether they are intact."""

import sys
from collections.abc import Callable
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from normdrop.errors import DataError
from normdrop.lab import data
from normdrop.values.display import Column, Row, Table

_FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Look here only, instead of in NORMDROP_DATA and the cache.",
)

_UNWRAPPED = 500


@click.group
def command() -> None:
    """List, download and verify data sets."""


@command.command("list")
@_FOLDER
def _list(folder: Path | None) -> None:
    """Show every data set: its shape, its size, and where its files are."""
    columns = (
        Column("name"),
        Column("input", "right"),
        Column("train", "right"),
        Column("test", "right"),
        Column("targets"),
        Column("where"),
    )
    _print(
        Table(
            "Data sets",
            columns,
            tuple(_listed(data.source(name), folder) for name in data.names()),
            ("`normdrop data get NAME` downloads what is not here.",),
        )
    )


@command.command("get")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Download into a folder of each name in here, instead of into the cache.",
)
def _get(names: tuple[str, ...], folder: Path | None) -> None:
    """Download data sets, each file checked against its published checksum."""
    sources = [data.source(name) for name in names]
    for source in sources:
        if not source.parts:
            click.echo(f"{source.name} is embedded: nothing to download")
            continue
        with _progress() as progress:
            target = data.download(
                source, folder=folder and folder / source.name, bar=_bars(progress)
            )
        click.echo(f"{source.name} is in {target}")


@command.command("verify")
@click.argument("names", nargs=-1)
@_FOLDER
def _verify(names: tuple[str, ...], folder: Path | None) -> int:
    """Check files against their checksums and read them whole; exit 1 if any is damaged.

    Without names, every data set is verified whose files are found.
    """
    rows: list[Row] = []
    for name in names or [name for name in data.names() if _is_here(name, folder)]:
        try:
            checks = data.verify(name, folder=folder)
        except DataError as error:
            if not _is_here(name, folder):
                raise
            rows.append(Row((name, "", "unreadable", str(error)), "bad"))
            continue
        rows += [
            Row(
                (name, str(check.path), check.verdict, check.message),
                "bad" if check.verdict == "wrong" else "good",
            )
            for check in checks
        ]
        if not checks:
            rows.append(Row((name, "embedded", "published", ""), "good"))
    columns = (Column("name"), Column("file"), Column("verdict"), Column("finding"))
    _print(Table("Data files", columns, tuple(rows)))
    return int(any(row.tone == "bad" for row in rows))


def _is_here(name: str, folder: Path | None) -> bool:
    try:
        data.locate(data.source(name), folder)
    except DataError:
        return False
    return True


def _listed(source: data.DataSource, folder: Path | None) -> Row:
    """A data set's row: what it is and where it lies."""
    return Row(
        (
            source.name,
            "×".join(map(str, source.shape)),
            *map(str, source.sizes),
            f"{source.classes} classes" if source.classes else "a number",
            _where(source, folder),
        )
    )


def _where(source: data.DataSource, folder: Path | None) -> str:
    if not source.parts:
        return "embedded"
    try:
        return str(data.locate(source, folder).folder)
    except DataError:
        size = sum(download.size for download in source.downloads)
        return f"not here ({size / 1e6:.1f} MB to get)"


def _print(table: Table) -> None:
    """Print to the width of the terminal; into a file or pipe, on lines as long as it takes."""
    Console(width=None if sys.stdout.isatty() else _UNWRAPPED).print(table)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _bars(progress: Progress) -> Callable[[data.Download], "_DownloadBar"]:
    return lambda download: _DownloadBar(progress, download)


class _DownloadBar:
    """One file's bar, in the form pooch drives it; the size is the registry's, not the server's."""

    def __init__(self, progress: Progress, download: data.Download) -> None:
        self.total = download.size
        self._progress = progress
        self._task = progress.add_task(download.file, total=download.size)

    def update(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        self._progress.update(self._task, completed=self.total)
