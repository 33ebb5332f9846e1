"""`normdrop recipes`: which experiments there are."""

import rich_click as click


@click.command
def command() -> None:
    """Show every recipe: its question, its source and its variants."""
    from normdrop.lab import recipe_names

    for name in recipe_names.recipe_names():
        found = recipe_names.find(name)
        click.echo(f"{found.name}: {found.question}")
        click.echo(f"  source: {found.source}")
        data = dict.fromkeys(panel.data or found.data for panel in found.panels.values())
        places = ", ".join(filter(None, data or [found.data])) or "inputs of its own"
        click.echo(f"  {found.seeds} seeds on {places} by default; variants:")
        _, baseline = found.rivals()
        for variant in found.variants:
            click.echo(f"    {variant}{'  (baseline)' if variant == baseline else ''}")
        if found.panels:
            click.echo(f"  panels: {', '.join(found.panels)}")
