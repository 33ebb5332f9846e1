"""`normdrop doctor`: what is wrong with a model, what it costs, and a mended copy."""

import shlex
from dataclasses import replace
from pathlib import Path

import rich_click as click

from normdrop.cli._arrays import Split
from normdrop.cli._batches import DATA_HELP, resolve
from normdrop.cli._metric import metric as metric_of
from normdrop.cli._model import make_model
from normdrop.cli._options import model_to_write, report_option, run_options, show, weights_option
from normdrop.cli._progress import steps_bar
from normdrop.errors import UsageError
from normdrop.verbs import check_name, doctor, save_weights


@click.command("doctor")
@click.argument("factory")
@click.option("--data", required=True, metavar="DATA", help=DATA_HELP)
@weights_option
@click.option(
    "--metric",
    metavar="METRIC",
    help="accuracy, loss, mse or a callable; for a built-in data set, accuracy or mse by default.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=model_to_write,
    metavar="FILE",
    help="Mended state dict to write, .safetensors or .pt; of a Keras model .keras or .weights.h5.",
)
@report_option
@run_options
def command(  # noqa: PLR0917 - click passes them by name
    factory: str,
    data: str,
    weights: Path | None,
    metric: str | None,
    out: Path | None,
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
    """Say what is wrong with a model, what it costs, and mend a copy.

    FACTORY is package.module:callable or path/to/file.py:callable and returns the model, or it is a
    .keras file. DATA is a built-in data set (`normdrop data list`), whose batch size and split can
    be set, or a callable of the same form that yields batches of inputs or of (inputs, targets). In
    turn: check, predict, measure; for trained weights recalibrate, for fresh ones fix; measure or
    predict again. Exits with status 1 if an error or a warning was found or measured.
    """
    model = make_model(factory, settings, weights, device, trust=trust)
    scale = metric_of(metric or _usual_metric(data), model)
    if out is not None:
        check_name(model, out)
    batches = resolve(data, model, split=split, batch_size=batch_size, normalize=normalize)
    with steps_bar("checking") as progress:
        found = doctor(model, batches, scale, limit=limit, name=factory, progress=progress)
    loaded = ["--weights", str(weights)] if weights is not None else []
    made = [part for each in settings for part in ("--with", each)]
    given = shlex.join([factory, *made, *loaded, "--data", data])
    diagnosis = replace(found, arguments=given)
    if out is not None and not diagnosis.copied:
        raise UsageError(
            f"{out} was not written, since this model cannot be copied: use normdrop recalibrate"
        )
    written = [] if out is None else [save_weights(diagnosis.model, out)]
    if report is not None:
        from normdrop.report import write_diagnosis

        written.append(write_diagnosis(diagnosis, report))
    show(diagnosis, style, written, {"written": [str(path) for path in written]})
    return 0 if diagnosis.is_clean else 1


def _usual_metric(data: str) -> str | None:
    """What a built-in data set is usually judged by; nothing for a user's own."""
    from normdrop.lab.data import names, source

    if data not in names():
        return None

    return "accuracy" if source(data).task == "classification" else "mse"
