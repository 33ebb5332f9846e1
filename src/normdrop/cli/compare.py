"""`normdrop compare`: train rival orders with paired seeds and say which differences are real."""

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from normdrop.cli._factory import parse_settings
from normdrop.cli._options import file_to_write
from normdrop.errors import NormdropError, StoreWarning, UsageError
from normdrop.values.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from normdrop.lab.comparison import Comparison
    from normdrop.lab.plan import Precision
    from normdrop.lab.trial import Setting


@click.command
@click.argument("recipe")
@click.option(
    "--panel",
    "panels",
    multiple=True,
    metavar="NAME",
    help="This part of a recipe of several; repeat for more. All by default.",
)
@click.option("--data", metavar="NAME", help="Data set; `normdrop data list` shows them.")
@click.option("--seeds", type=click.IntRange(max=10_000), metavar="N", help="Seeds per variant.")
@click.option("--epochs", type=click.IntRange(max=100_000), metavar="N", help="Epochs per trial.")
@click.option(
    "--batch-size",
    type=click.IntRange(max=1_000_000),
    metavar="N",
    help="Examples per training step.",
)
@click.option(
    "--limit-train",
    type=click.IntRange(max=100_000_000),
    metavar="N",
    help="Train on the first N examples only.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other setting of the recipe; repeat for more.",
)
@click.option(
    "--search",
    "searched",
    is_flag=True,
    help="Search all orders of the variants' parts by successive halving; compare those left.",
)
@click.option("--paper", is_flag=True, help="The settings and the data of the recipe's source.")
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="ORDER",
    help="Train this variant; repeat for more. All by default.",
)
@click.option(
    "--jobs",
    type=click.IntRange(max=1024),
    metavar="N",
    help="Trials at a time; one per core by default.",
)
@click.option(
    "--on", metavar="ADDRESS", help="Train on a Ray cluster: ray://host:port, host:port or auto."
)
@click.option(
    "--gpu-fraction",
    type=float,
    metavar="X",
    help="How much of a GPU a trial takes there; 1 by default.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True)
@click.option(
    "--store", type=click.Path(path_type=Path), metavar="FILE", help="Where outcomes are kept."
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    callback=file_to_write,
    metavar="FILE.html",
    help="HTML page to write.",
)
@click.option(
    "--export",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the results as small tables to FOLDER/<recipe>.",
)
def command(  # noqa: PLR0917 - click passes every option by name
    recipe: str,
    panels: tuple[str, ...],
    data: str | None,
    seeds: int | None,
    epochs: int | None,
    batch_size: int | None,
    limit_train: int | None,
    settings: tuple[str, ...],
    searched: bool,  # noqa: FBT001 - click passes it by name
    paper: bool,  # noqa: FBT001 - click passes it by name
    variants: tuple[str, ...],
    jobs: int | None,
    on: str | None,
    gpu_fraction: float | None,
    device: str,
    precision: "Precision",
    store: Path | None,
    report: Path | None,
    export: Path | None,
) -> None:
    """Train the variants of RECIPE with paired seeds and say which differences are real.

    What was trained before with the same settings is not trained again: a run that was cut short
    goes on where it stopped when the same command is given again.
    """
    from rich.console import Console

    from normdrop.lab.comparison import answers
    from normdrop.lab.experiment import compare_panels
    from normdrop.lab.store import default_path

    store = store or default_path()
    shorthands = {"epochs": epochs, "batch_size": batch_size, "limit_train": limit_train}
    numbers = {name: value for name, value in shorthands.items() if value is not None}
    chosen = {**_settings(settings), **numbers}
    elsewhere = on or gpu_fraction or device != "cpu" or precision != "fp32"
    if searched and (panels or variants or paper or elsewhere):
        raise UsageError(
            "--search looks for variants itself, in fp32 on this machine's processor: it takes no "
            "--panel, --variant, --paper, --on, --gpu-fraction, --device and --precision"
        )
    try:
        with _damage_in_lines():
            if searched:
                comparisons = [_searched(recipe, data, seeds, chosen, jobs, store)]
            else:
                comparisons = compare_panels(
                    recipe,
                    panels=panels,
                    data=data,
                    seeds=seeds,
                    settings=chosen,
                    paper=paper,
                    variants=variants,
                    jobs=jobs,
                    on=on,
                    gpu_fraction=gpu_fraction,
                    device=device,
                    precision=precision,
                    store=store,
                )
    except KeyboardInterrupt as error:
        raise NormdropError(
            f"interrupted: what has been trained is kept in {store}; "
            "the same command goes on from there"
        ) from error
    if len(comparisons) > 1:  # of one part they stand below its table
        for answer in answers(comparisons):
            Console().print(answer.sentence, highlight=False, markup=False)
    for comparison in comparisons:
        Console().print(comparison)
    click.echo(f"store: {store}")
    if report is not None:
        from normdrop.report import write_html

        click.echo(f"report: {write_html(comparisons, report)}")
    if export is not None:
        from normdrop.lab.results import write_results

        click.echo(f"results: {write_results(comparisons, export)}")
    _check_that_something_finished(comparisons)


@contextmanager
def _damage_in_lines() -> "Iterator[None]":
    """Say what is damaged in the store on a line of standard error, as all else that is wrong."""
    usual = warnings.showwarning

    def show(  # noqa: PLR0917 - as the warnings module calls it
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: "TextIO | None" = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, StoreWarning):
            click.echo(f"normdrop: {one_line(str(message))}", err=True)
        else:
            usual(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.simplefilter("always", StoreWarning)
        warnings.showwarning = show
        yield


def _check_that_something_finished(comparisons: "list[Comparison]") -> None:
    """Raise when every trial failed or diverged: a table without a number is no success."""
    outcomes = [outcome for comparison in comparisons for outcome in comparison.outcomes]
    if not any(outcome.status == "finished" for outcome in outcomes):
        first = outcomes[0]
        raise NormdropError(
            f"no trial finished; the first, {first.trial.variant}, {first.status}: {first.message}"
        )


def _searched(  # noqa: PLR0917 - passes on what click passed
    recipe: str,
    data: str | None,
    seeds: int | None,
    settings: "dict[str, Setting]",
    jobs: int | None,
    store: Path,
) -> "Comparison":
    """Search the orders, show how it went, and give back the comparison of those left."""
    from rich.console import Console

    from normdrop.lab.search import search

    found = search(recipe, data=data, store=store, settings=settings, jobs=jobs, seeds=seeds)
    Console().print(found.table())
    Console().print()
    return found.comparison


def _settings(given: tuple[str, ...]) -> "dict[str, Setting]":
    settings: dict[str, Setting] = {}
    for name, value in parse_settings(given, "--set").items():
        if not isinstance(value, str | int | float | bool | None):
            raise UsageError(f"--set {name}: a setting is a number, a word, True, False or None")
        settings[name] = value
    return settings
