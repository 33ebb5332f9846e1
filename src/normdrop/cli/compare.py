"""`normdrop compare`: train rival orders with paired seeds and say which differences are real."""

from pathlib import Path

import rich_click as click


@click.command
@click.argument("recipe")
@click.option("--data", metavar="NAME", help="Data set; `normdrop data list` shows them.")
@click.option("--seeds", type=int, help="How many seeds per variant.")
@click.option("--epochs", type=int, help="How many epochs per trial.")
@click.option("--batch-size", type=int, help="Examples per training step.")
@click.option("--limit-train", type=int, help="Train on the first so many examples only.")
@click.option("--variant", "variants", multiple=True, help="Train this one; may be repeated.")
@click.option("--jobs", type=int, help="Trials at a time; one per core by default.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True
)
@click.option("--store", type=click.Path(path_type=Path), help="File that keeps the outcomes.")
@click.option("--report", type=click.Path(path_type=Path), help="HTML page to write.")
def command(report: Path | None, **arguments: object) -> None:
    """Train the variants of RECIPE with paired seeds and say which differences are real.

    A run that was cut short goes on where it stopped when the same command is given again.
    """
    from normdrop.lab import compare

    for outcome in compare(**arguments):
        click.echo((outcome.trial.variant, outcome.trial.seed, outcome.status, outcome.message, outcome.final and outcome.final.test_loss, outcome.seconds))
