"""`normdrop predict`: the expected shift at every norm layer of a model, without data."""

from pathlib import Path

import rich_click as click

from normdrop.cli._model import example_for, make_model
from normdrop.cli._options import (
    model_options,
    repeated,
    report_option,
    shape_option,
    show_and_report,
    weights_option,
)
from normdrop.verbs import PredictMethod, predict


@click.command("predict")
@click.argument("factory")
@shape_option(
    help="Shape of one input without the batch axis, such as 3,32,32; a Keras model may say it."
)
@click.option(
    "--method",
    type=click.Choice(["moments", "simulate", "invert"]),
    help="By default, what the state of the weights calls for.",
)
@weights_option
@report_option
@model_options
def command(  # noqa: PLR0917 - click passes them by name
    factory: str,
    input_shape: tuple[int, ...] | None,
    method: PredictMethod | None,
    weights: Path | None,
    report: Path | None,
    settings: tuple[str, ...],
    style: str,
    *,
    trust: bool,
) -> int:
    """Predict the shift at every norm layer, without data.

    FACTORY is package.module:callable or path/to/file.py:callable and returns the model, or a
    .keras file, which is loaded in safe mode. One row per norm layer, worst first, with the noise
    layers that cause its shift. Exits with status 1 if any shift is a warning or an error.
    """
    model = make_model(factory, settings, weights, trust=trust)
    found = predict(model, example_for(model, input_shape, factory), method)
    again = repeated(factory, settings, weights, input_shape)
    following = f"measure {again} --data DATA" if weights else f"fix {again}"
    advice = f"normdrop {following}" if found.findings else ""
    show_and_report(found, style, report, name=factory, advice=advice)
    return 1 if found.findings else 0
