"""`normdrop recipes`: which experiments there are, and one of them in full."""

from typing import TYPE_CHECKING

import rich_click as click
from rich.console import Console

from normdrop.cli._screen import following
from normdrop.values.display import Column, Row, Table

if TYPE_CHECKING:
    from normdrop.lab.recipe import Recipe


@click.command
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Show every recipe, or NAME in full: its question, its source and its variants."""
    from normdrop.lab import recipe_names

    if name is None:
        found = [recipe_names.find(each) for each in recipe_names.recipe_names()]
        Console().print(_all(found))
        following("normdrop recipes NAME, then normdrop compare NAME")
    else:
        recipe = recipe_names.find(name)
        Console().print(_one(recipe))
        following(f"normdrop compare {recipe.name}")


def _all(recipes: "list[Recipe]") -> Table:
    columns = (
        Column("recipe"),
        Column("question"),
        Column("variants", "right"),
        Column("seeds", "right", "by default"),
        Column("data", meaning="by default"),
    )
    rows = tuple(
        Row((each.name, each.question, str(len(each.variants)), str(each.seeds), _data(each)))
        for each in recipes
    )
    return Table(f"{len(rows)} recipes", columns, rows)


def _one(recipe: "Recipe") -> Table:
    _, baseline = recipe.rivals()
    rows = tuple(
        Row((variant, "baseline" if variant == baseline else "")) for variant in recipe.variants
    )
    notes = [f"Source: {recipe.source}.", f"{recipe.seeds} seeds on {_data(recipe)} by default."]
    if recipe.panels:
        notes.append(f"Panels: {', '.join(recipe.panels)}.")
    return Table(
        f"{recipe.name}: {recipe.question}", (Column("variant"), Column("")), rows, tuple(notes)
    )


def _data(recipe: "Recipe") -> str:
    data = dict.fromkeys(panel.data or recipe.data for panel in recipe.panels.values())
    return ", ".join(filter(None, data or [recipe.data])) or "inputs of its own"
