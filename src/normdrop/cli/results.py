"""`normdrop results`: show results that were exported, and make their pages."""

from pathlib import Path

import rich_click as click


@click.command("results")
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False)
)
@click.option(
    "--pages",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write a Markdown page with a figure for each, and an index, in place of showing them.",
)
def command(folders: tuple[Path, ...], pages: Path | None) -> None:
    """Show the results in FOLDERS, which `normdrop compare --export` wrote, without training."""
    from rich.console import Console

    from normdrop.lab.results import read_results
    from normdrop.values.files import write_atomically

    if pages is None:
        for folder in folders:
            for comparison in read_results(folder):
                Console().print(comparison)
        return
    from normdrop.report import experiment_pages

    for name, text in experiment_pages(folders).items():
        click.echo(str(write_atomically(pages / name, text)))
