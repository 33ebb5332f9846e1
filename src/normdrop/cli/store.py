"""`normdrop store`: whether what was trained is intact; what is not is mended or taken out."""

import json
from dataclasses import asdict
from pathlib import Path

import rich_click as click

from normdrop.cli._options import file_to_write
from normdrop.lab import store as stores

_STORE = click.option(
    "--store",
    "path",
    type=click.Path(path_type=Path),
    help="SQLite file of outcomes; by default the one in your data folder.",
)


@click.group
def command() -> None:
    """Verify, repair and export what `normdrop compare` has trained."""


@command.command("verify")
@_STORE
def _verify(path: Path | None) -> int:
    """Look at every outcome; a damaged one is named. Exit status 1 if there is one."""
    path = _existing(path)
    with stores.Store(path) as store:
        rows = list(store.rows())
    damaged = [name for name, outcome in rows if outcome is None]
    for name in damaged:
        click.echo(f"damaged: {name}")
    click.echo(f"{path}: {len(rows) - len(damaged)} outcomes are sound, {len(damaged)} damaged")
    return 1 if damaged else 0


@command.command("repair")
@_STORE
def _repair(path: Path | None) -> None:
    """Take out what is damaged: its trials are trained again. The old file is kept beside."""
    path = path or stores.default_path()
    done = stores.salvage(path)
    for name in done.lost:
        click.echo(f"taken out: {name}")
    moved = f"; the damaged file is {done.damaged}" if done.damaged else ", and nothing to mend"
    click.echo(f"{path}: {done.kept} outcomes are sound{moved}")


@command.command("export")
@_STORE
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=file_to_write,
    help="File to write; by default the terminal.",
)
def _export(path: Path | None, out: Path | None) -> None:
    """Write every sound outcome as one line of JSON."""
    from normdrop.values.files import write_atomically

    path = _existing(path)
    with stores.Store(path) as store:
        lines = [json.dumps(asdict(outcome)) for _, outcome in store.rows() if outcome is not None]
    text = "".join(f"{line}\n" for line in lines)
    if out is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"{len(lines)} outcomes: {write_atomically(out, text)}")


def _existing(path: Path | None) -> Path:
    """The store, which is looked at and not made.

    Raises:
        StoreError: There is none.
    """
    found = path or stores.default_path()
    stores.check_exists(found)
    return found
