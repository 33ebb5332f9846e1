"""`normdrop explain`: what a rule finds, why that is bad, and how to mend it."""

import rich_click as click


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Say what a rule finds, why that is bad, and how to mend it; without CODE, list the rules."""
    from normdrop.rules import all_rules, page, rule

    if code is None:
        for each in all_rules():
            off = " (off unless selected)" if each.opinion else ""
            click.echo(f"{each.code}  {each.name:28} {each.summary()}{off}")
    else:
        click.echo(page(rule(code)), nl=False)
