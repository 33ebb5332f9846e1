"""`normdrop measure`: the shift at every norm layer on real data."""

from pathlib import Path

import rich_click as click

from normdrop.cli._batches import Split, resolve
from normdrop.cli._metric import metric as metric_of
from normdrop.cli._model import make_model
from normdrop.cli._options import run_options, show, weights_option
from normdrop.cli._progress import batches_bar
from normdrop.verbs import measure


@click.command("measure")
@click.argument("factory")
@click.option("--data", required=True, metavar="DATA", help="A data set's name, or a callable.")
@weights_option
@click.option("--metric", metavar="METRIC", help="accuracy, loss, mse or a callable.")
@click.option("--blame", is_flag=True, help="Find each noise layer's share.")
@run_options
def command(  # noqa: PLR0917 - click passes them by name
    factory: str,
    data: str,
    weights: Path | None,
    metric: str | None,
    blame: bool,  # noqa: FBT001 - same
    limit: int | None,
    batch_size: int,
    split: Split,
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
    batches = resolve(data, model, split=split, batch_size=batch_size)
    with batches_bar("measuring") as progress:
        report = measure(model, batches, scale, limit=limit, blame=blame, progress=progress)
    show(report, style)
    return 1 if report.findings else 0
