"""`normdrop explain`: what a rule finds, why that is bad, and how to mend it."""

import os
from pathlib import Path

import rich_click as click
from rich.console import Console

from normdrop.cli._screen import following


@click.command("explain")
@click.argument("code", required=False)
@click.option(
    "--write", type=click.Path(path_type=Path), help="Write every page and an index here."
)
def command(code: str | None, write: Path | None) -> None:
    """Say what a rule finds, why that is bad, and how to mend it; without CODE, list the rules.

    In a terminal the page is rendered, for other programs it is Markdown.
    """
    from normdrop.lab.verdicts import asked
    from normdrop.lint.rules import page, pages, rule
    from normdrop.values.files import write_atomically

    if write is not None:
        for name, text in pages(asked()).items():
            write_atomically(write / name, text)
    elif code is None:
        _list()
    else:
        text = page(rule(code), asked())
        console = Console()
        if console.is_terminal or "COLUMNS" in os.environ:
            from rich.markdown import Markdown

            console.print(Markdown(text, code_theme="ansi_dark"))
        else:
            click.echo(text, nl=False)


def _list() -> None:
    from normdrop.lint.rules import all_rules
    from normdrop.values.display import Column, Row, Table

    rules = all_rules()
    rows = tuple(
        Row((each.code, each.name, each.summary() + (" (off unless selected)" * each.opinion)))
        for each in rules
    )
    columns = (Column("code"), Column("name"), Column("what it finds"))
    Console().print(Table(f"{len(rows)} rules", columns, rows))
    following("normdrop explain CODE")
