"""`normdrop recalibrate`: running statistics estimated anew, written to a file."""

import warnings
from pathlib import Path

import rich_click as click

from normdrop.cli._arrays import Split
from normdrop.cli._batches import DATA_HELP, resolve
from normdrop.cli._metric import metric as metric_of
from normdrop.cli._model import make_model
from normdrop.cli._options import (
    model_to_write,
    repeated,
    report_option,
    run_options,
    shape_option,
    show_and_report,
    weights_option,
)
from normdrop.cli._progress import batches_bar
from normdrop.errors import ShiftWarning, UsageError
from normdrop.verbs import RecalibrateMethod, check_name, recalibrate, save_weights


@click.command("recalibrate")
@click.argument("factory")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=model_to_write,
    required=True,
    metavar="FILE",
    help="State dict to write, .safetensors or .pt; of a Keras model .keras or .weights.h5.",
)
@click.option("--data", metavar="DATA", help=DATA_HELP)
@shape_option(help="Without data: the shape of one input, such as 3,32,32.")
@weights_option
@click.option(
    "--method",
    type=click.Choice(["batch", "exact"]),
    default="batch",
    show_default=True,
    help="One pass, or passes until the statistics settle.",
)
@click.option("--metric", metavar="METRIC", help="accuracy, loss, mse or a callable.")
@click.option(
    "--force", is_flag=True, help="Go on with inputs that are scaled otherwise than in training."
)
@report_option
@run_options
def command(  # noqa: PLR0917 - click passes them by name
    factory: str,
    out: Path,
    data: str | None,
    input_shape: tuple[int, ...] | None,
    weights: Path | None,
    method: RecalibrateMethod,
    metric: str | None,
    force: bool,  # noqa: FBT001 - click passes it by name
    report: Path | None,
    limit: int | None,
    batch_size: int,
    split: Split,
    normalize: str | None,
    device: str | None,
    settings: tuple[str, ...],
    style: str,
    *,
    trust: bool,
) -> int:
    """Estimate running statistics anew, dropout off, and write the model's state dict.

    FACTORY is package.module:callable or path/to/file.py:callable and returns the model, or a
    .keras file, which is loaded in safe mode and may be written anew. DATA is a built-in data set
    (`normdrop data list`), whose batch size and split can be set, or a callable that yields
    batches. With --input-shape in place of --data the stored statistics are inverted, which is
    refused where they lag behind the weights.
    """
    if (data is None) == (input_shape is None):
        raise UsageError("recalibrate takes --data, or --input-shape to do without")
    model = make_model(factory, settings, weights, device, trust=trust)
    scale = metric_of(metric, model)
    check_name(model, out)
    batches = (
        None
        if data is None
        else resolve(data, model, split=split, batch_size=batch_size, normalize=normalize)
    )
    with batches_bar("recalibrating") as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", ShiftWarning)  # it is the error below
        done = recalibrate(
            model,
            batches,
            scale,
            method=method,
            example=input_shape,
            limit=limit,
            progress=progress,
            force=force,
        )
    if done.refused:
        raise UsageError(done.refused.replace("pass force=True", "pass --force"))
    path = save_weights(model, out)
    again = repeated(factory, settings, path)
    advice = f"normdrop measure {again} --data {data or 'DATA'}"
    show_and_report(
        done,
        style,
        report,
        name=factory,
        advice=advice,
        written=[path],
        more={"written": str(path)},
    )
    return 0
