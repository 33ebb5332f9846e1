"""`normdrop measure`: the shift at every norm layer on real data."""

from pathlib import Path

import rich_click as click

from normdrop.cli._arrays import Split
from normdrop.cli._batches import DATA_HELP, resolve
from normdrop.cli._metric import metric as metric_of
from normdrop.cli._model import make_model
from normdrop.cli._options import (
    repeated,
    report_option,
    run_options,
    show_and_report,
    weights_option,
)
from normdrop.cli._progress import batches_bar
from normdrop.verbs import measure


@click.command("measure")
@click.argument("factory")
@click.option("--data", required=True, metavar="DATA", help=DATA_HELP)
@weights_option
@click.option("--metric", metavar="METRIC", help="accuracy, loss, mse or a callable.")
@click.option("--blame", is_flag=True, help="Find each noise layer's share.")
@report_option
@run_options
def command(  # noqa: PLR0917 - click passes them by name
    factory: str,
    data: str,
    weights: Path | None,
    metric: str | None,
    blame: bool,  # noqa: FBT001 - same
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
    """Measure the shift at every norm layer on real data.

    FACTORY is package.module:callable or path/to/file.py:callable and returns the model, or a
    .keras file, which is loaded in safe mode. DATA is a built-in data set (`normdrop data list`),
    whose batch size and split can be set, or a callable that yields batches of inputs or of
    (inputs, targets). With --metric every batch runs four times, dropout on and off, by running and
    by batch statistics, and words say what explains the difference. Exits with status 1 if any
    shift is a warning or an error.
    """
    model = make_model(factory, settings, weights, device, trust=trust)
    scale = metric_of(metric, model)
    batches = resolve(data, model, split=split, batch_size=batch_size, normalize=normalize)
    with batches_bar("measuring") as progress:
        found = measure(model, batches, scale, limit=limit, blame=blame, progress=progress)
    again = repeated(factory, settings, weights)
    advice = f"normdrop recalibrate {again} --data {data} --out FILE" if found.findings else ""
    show_and_report(found, style, report, name=factory, advice=advice)
    return 1 if found.findings else 0
