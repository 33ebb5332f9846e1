"""`normdrop explain`: what a rule finds, why that is bad, and how to mend it."""

from pathlib import Path

import rich_click as click


@click.command("explain")
@click.argument("code", required=False)
@click.option(
    "--write", type=click.Path(path_type=Path), help="Write every page and an index here."
)
def command(code: str | None, write: Path | None) -> None:
    """Say what a rule finds, why that is bad, and how to mend it; without CODE, list the rules."""
    from normdrop.lint.rules import all_rules, page, pages, rule
    from normdrop.values.files import write_atomically

    if write is not None:
        for name, text in pages().items():
            write_atomically(write / name, text)
    elif code is None:
        for each in all_rules():
            off = " (off unless selected)" if each.opinion else ""
            click.echo(f"{each.code}  {each.name:28} {each.summary()}{off}")
    else:
        click.echo(page(rule(code)), nl=False)
