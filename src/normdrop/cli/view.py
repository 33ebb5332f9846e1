"""`normdrop view`: a model as a map, with noise on its way to the norm layers."""

from itertools import islice
from pathlib import Path

import rich_click as click

from normdrop.cli._batches import Split, resolve
from normdrop.cli._metric import metric as metric_of
from normdrop.cli._model import example_for, make_model
from normdrop.cli._options import file_to_write, run_options, shape_option, show, weights_option
from normdrop.errors import UsageError
from normdrop.values.files import write_atomically
from normdrop.verbs import view


@click.command("view")
@click.argument("factory")
@shape_option(help="Shape of one input, such as 3,32,32, where there is no --data.")
@click.option("--data", metavar="DATA", help="Measure on it: a data set's name, or a callable.")
@weights_option
@click.option("--metric", metavar="METRIC", help="With --data: accuracy, loss, mse or a callable.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=file_to_write,
    metavar="FILE",
    help="Write the map as a page (.html) or one picture (.svg).",
)
@click.option("--module", default="", metavar="PATH", help="Of a picture: the module to draw.")
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Levels of the tree.",
)
@run_options
def command(  # noqa: PLR0917 - click passes them by name
    factory: str,
    input_shape: tuple[int, ...] | None,
    data: str | None,
    weights: Path | None,
    metric: str | None,
    out: Path | None,
    module: str,
    depth: int,
    limit: int | None,
    batch_size: int,
    split: Split,
    device: str | None,
    settings: tuple[str, ...],
    style: str,
    *,
    trust: bool,
) -> None:
    """Draw a model: modules, data flow, and noise on its way to the norm layers.

    FACTORY is package.module:callable or path/to/file.py:callable and returns the model, or a
    .keras file, which is loaded in safe mode. The terminal shows a tree; --out writes a page that
    opens without a network, with a picture for each module, or one picture for a paper.
    """
    picture = out is not None and out.suffix == ".svg"
    if out is not None and not picture and out.suffix not in {".html", ".htm"}:
        raise UsageError(f"--out {out}: name the file .html for a page or .svg for a picture")
    if module and not picture:
        raise UsageError("--module draws one picture: add --out FILE.svg")
    model = make_model(factory, settings, weights, device, trust=trust)
    if data is None:
        if metric is not None:
            raise UsageError("--metric takes --data to be measured on")
        drawn = view(model, example_for(model, input_shape, factory))
    else:
        batches = resolve(data, model, split=split, batch_size=batch_size)
        some = batches if limit is None else islice(iter(batches), limit)
        drawn = view(model, input_shape, batches=some, metric=metric_of(metric, model))
    written = []
    if out is not None:
        from normdrop.report import write_map

        written.append(
            write_atomically(out, drawn.svg(module)) if picture else write_map(drawn, out)
        )
    show(drawn, style, written, shown=drawn.to_table(depth))
