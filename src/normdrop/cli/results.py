"""`normdrop results`: show results that were exported, and make their pages."""

from pathlib import Path

import rich_click as click

from normdrop.cli._options import file_to_write


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
@click.option(
    "--verdicts",
    type=click.Path(path_type=Path),
    callback=file_to_write,
    metavar="FILE.md",
    help="Write the answers to what practitioners ask, with what FOLDERS measured, likewise.",
)
def command(folders: tuple[Path, ...], pages: Path | None, verdicts: Path | None) -> None:
    """Show the results in FOLDERS, which `normdrop compare --export` wrote, without training."""
    from rich.console import Console

    from normdrop.lab.results import read_results
    from normdrop.values.files import write_atomically

    if verdicts is not None:
        from normdrop.lab.verdicts import verdict_page
        from normdrop.lint.rules import all_rules

        found = {folder.resolve().name: read_results(folder) for folder in folders}
        codes = {rule.name: rule.code for rule in all_rules()}
        click.echo(str(write_atomically(verdicts, verdict_page(found, codes))))
    if pages is None and verdicts is None:
        for folder in folders:
            for comparison in read_results(folder):
                Console().print(comparison)
        return
    if pages is None:
        return
    from normdrop.report import experiment_pages

    for name, text in experiment_pages(folders).items():
        click.echo(str(write_atomically(pages / name, text)))
