"""`normdrop recipes`: which experiments there are."""

import rich_click as click


@click.command
def command() -> None:
    """Show every recipe: its question, its source and its variants."""
    from normdrop.lab import recipe

    for name in recipe.names():
        found = recipe.find(name)
        click.echo(f"{found.name}: {found.question}")
        click.echo(f"  source: {found.source}")
        click.echo(f"  {found.seeds} seeds on {found.data} by default; variants:")
        for variant in found.variants:
            mark = "  (baseline)" if variant == found.baseline else ""
            click.echo(f"    {variant}{mark}")
