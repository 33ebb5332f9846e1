"""`normdrop fix`: source or a model mended, as far as that is safe."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import rich_click as click
from rich.console import Console

from normdrop.cli._factory import is_model_file, names_model
from normdrop.cli._options import (
    model_to_write,
    report_option,
    shape_option,
    trust_option,
    weights_option,
)
from normdrop.cli._selection import chosen_rules
from normdrop.errors import UsageError
from normdrop.values.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from normdrop.lint.rules import Rule
    from normdrop.mending.patches import Patch
    from normdrop.mending.repairs import Choices, Fix, Move
    from normdrop.values.findings import Finding

_MOVES = "branch, head, uniform, lower, remove or keep"
_TRIED_AT_ONCE = 64
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command("fix")
@click.argument("targets", nargs=-1, required=True, metavar="FILE... | FACTORY")
@click.option("--write", is_flag=True, help="Write the files instead of showing what changes.")
@click.option("--unsafe", is_flag=True, help="Also mend what changes what the model computes.")
@click.option("--remove-bias", is_flag=True, help="Remove biases that a norm cancels.")
@click.option("--select", multiple=True, help="Rules to mend: codes, their beginnings, or names.")
@click.option("--ignore", multiple=True, help="Rules not to mend, named likewise.")
@click.option("--exclude", multiple=True, help="Files to leave out, as in a .gitignore.")
@shape_option(help="For a FACTORY: the shape of one input, such as 3,32,32.")
@click.option(
    "--with", "settings", multiple=True, metavar="NAME=VALUE", help="An argument of the FACTORY."
)
@weights_option
@trust_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=model_to_write,
    help="Mended state dict to write, .safetensors or .pt; of a Keras model .keras or .weights.h5.",
)
@click.option(
    "--move",
    "moves",
    multiple=True,
    metavar="[PATH=]MOVE",
    help=f"What becomes of dropout before a norm, of all or below PATH: {_MOVES}.",
)
@click.option(
    "--prefer",
    multiple=True,
    metavar="MOVE",
    help="Which move comes first wherever it does no harm; as often as needed.",
)
@click.option("--options", "listed", is_flag=True, help="List all moves with what they cost.")
@click.option(
    "--try",
    "tried",
    metavar="DATA",
    help="For a FACTORY: train it with and without the repair on a data set, a .npz file, a folder "
    "of images or a callable, and say whether the repair helps.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=6,
    show_default=True,
    metavar="N",
    help="Paired seeds of --try; fewer than 6 show nothing.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1, 100_000),
    default=10,
    show_default=True,
    metavar="N",
    help="Epochs of --try, if there is time.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, 1e6, min_open=True),
    default=10.0,
    show_default=True,
    metavar="X",
    help="How long --try may take in all.",
)
@report_option
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(  # noqa: PLR0917 - click passes them by name
    targets: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    input_shape: tuple[int, ...] | None,
    settings: tuple[str, ...],
    weights: Path | None,
    out: Path | None,
    moves: tuple[str, ...],
    prefer: tuple[str, ...],
    tried: str | None,
    seeds: int,
    epochs: int,
    minutes: float,
    report: Path | None,
    style: str,
    *,
    listed: bool,
    trust: bool,
    write: bool,
    unsafe: bool,
    remove_bias: bool,
) -> int:
    """Mend what `normdrop check` finds.

    FILE is a file or a folder of Python source, which is never run: the changes are shown as a
    patch, or written with --write. FACTORY is package.module:callable or path/to/file.py:callable,
    which is called for a model, or a .keras file, which is loaded in safe mode; the model is
    mended: what changes is listed, and --out writes it. Exit status: 0 with nothing left to mend, 1
    with something left or not written, 2 for unreadable input.
    """
    from normdrop.lint import rules
    from normdrop.mending.repairs import Request

    chosen = rules.project_settings(Path.cwd())
    run = chosen_rules(select, ignore, chosen)
    if _is_factory(targets, trust=trust):
        if write or unsafe or exclude:
            raise UsageError("--write, --unsafe and --exclude are for files: --out writes a model")
        from normdrop.cli._model import example_for, make_model
        from normdrop.verbs import check_name

        model = make_model(targets[0], settings, weights, trust=trust)
        if out is not None:
            check_name(model, out)
        example = example_for(model, input_shape, targets[0])
        # Weights that were loaded are trained on; else each seed has initial weights of its own.
        loaded = weights is not None or is_model_file(targets[0])

        def proven(mended: "Fix[Any]") -> "Fix[Any]":
            if tried is None:
                return mended
            anew = partial(make_model, targets[0], settings, trust=trust)
            return _tried(
                mended,
                model if loaded else anew,
                tried,
                seeds=seeds,
                epochs=epochs,
                minutes=minutes,
            )

        return _fix_model(
            model,
            example,
            run,
            prefer=cast("tuple[Move, ...]", prefer),
            move=_preferred(moves),
            remove_bias=remove_bias,
            notes=bool(select),
            out=out,
            style=style,
            report=report,
            listed=listed,
            proven=proven,
        )
    given = input_shape or settings or weights or out or moves or report or tried
    if given or (style != "text" and not listed):
        raise UsageError(
            "--input-shape, --with, --weights, --out, --move, --try, --report and --format are for "
            "a FACTORY, such as net.py:make; of files, --format is for --options alone"
        )
    return _fix_files(
        targets,
        run,
        (*chosen.exclude, *exclude),
        write=write,
        unsafe=unsafe or listed,
        remove_bias=remove_bias,
        prefer=Request(prefer=cast("tuple[Move, ...]", prefer)).prefer,
        listed=style if listed else "",
    )


def _fix_files(
    targets: tuple[str, ...],
    run: "Sequence[Rule]",
    exclude: tuple[str, ...],
    *,
    write: bool,
    unsafe: bool,
    remove_bias: bool,
    prefer: "tuple[Move, ...]",
    listed: str,
) -> int:
    from normdrop.lint import rules
    from normdrop.mending import patches
    from normdrop.mending.repairs import Choices

    notes: list[str] = []
    found = list(
        patches.patch_files(
            targets,
            run,
            exclude=exclude,
            suppressions=rules.project_settings(Path.cwd()).suppressions,
            unsafe=unsafe,
            remove_bias=remove_bias,
            prefer=prefer,
            weigh=bool(listed),
            notes=notes,
        )
    )
    if listed:
        _print(Choices(tuple(option for patch in found for option in patch.options)), listed)
        for note in notes:
            click.echo(f"normdrop: {one_line(note)}", err=True)
        return 2 if notes else 0
    if write:
        patches.write(*(patch for patch in found if patch.changes))
    complete = True
    for patch in found:
        if patch.changes and not write:
            _show(patch.diff())
        complete &= patch.is_complete and (write or not patch.changes)
        _report(patch, write=write)
    for note in notes:
        click.echo(f"normdrop: {one_line(note)}", err=True)
    if notes:
        return 2
    return 0 if complete else 1


def _show(diff: str) -> None:
    """The patch as it is, to be applied; on a terminal in colours, and nothing in it acts."""
    from normdrop.mending.patches import lines_of

    shown = printable if sys.stdout.isatty() else str
    for line in lines_of(diff):
        click.echo(click.style(shown(line), fg=_COLOURS.get(line[:1])), nl=False)


def _report(patch: "Patch", *, write: bool) -> None:
    """On standard error: how much was mended, and what is left."""
    if patch.mended:
        done = "mended" if write else "would be mended"
        codes = ", ".join(dict.fromkeys(each.code for each in patch.mended))
        click.echo(one_line(f"{patch.path}: {len(patch.mended)} {done} ({codes})"), err=True)
    idioms: dict[tuple[str, str, str], list[Finding]] = {}
    for left in patch.left:
        if not write and any(left.unwritten is each for each in patch.mended):
            continue  # what would be left of it has no place in the file as it stands
        hint = f"{left.flag} mends it" if left.flag else left.reason
        found = left.finding if write else left.unwritten or left.finding
        idioms.setdefault((found.code, found.severity, hint), []).append(found)
    for (_, _, hint), (first, *others) in idioms.items():
        places = ", ".join(str(each.location) for each in others)
        also = f" (also at {places})" if places else ""
        click.echo(one_line(f"{first}; {hint}{also}"), err=True)


def _fix_model(
    model: Any,  # noqa: ANN401 - see `make_model`
    example: object,
    run: "Sequence[Rule]",
    *,
    move: "Move | Mapping[str, Move] | None",
    prefer: "tuple[Move, ...]",
    remove_bias: bool,
    notes: bool,
    out: Path | None,
    style: str,
    report: Path | None,
    listed: bool,
    proven: "Callable[[Fix[Any]], Fix[Any]]",
) -> int:
    from normdrop.verbs import fix_with, save_weights

    mended = fix_with(
        model, example, run, move=move, remove_bias=remove_bias, notes=notes, prefer=prefer
    )
    if listed:
        _print(mended.options, style)
        return 0
    mended = proven(mended)
    if out is not None:
        save_weights(mended.model, out)
    if report is not None:
        from normdrop.report import write_result

        write_result(mended, report)
    _print(mended, style)
    return 0 if mended.is_complete else 1


def _tried(
    mended: "Fix[Any]",
    model: Any,  # noqa: ANN401 - see `make_model`
    data: str,
    *,
    seeds: int,
    epochs: int,
    minutes: float,
) -> "Fix[Any]":
    """The mended model with what training it shows; as it is where nothing was changed."""
    if not mended.changes:
        click.echo("normdrop: nothing was changed, so that there is nothing to try", err=True)
        return mended
    from normdrop.cli._batches import resolve
    from normdrop.cli._progress import steps_bar
    from normdrop.lab import try_fix

    # A callable knows no split, and its examples are divided instead.
    divided = ":" in data and not Path(data).exists()
    train = resolve(data, mended.model, split="train", batch_size=_TRIED_AT_ONCE)
    test = None if divided else resolve(data, mended.model, split="test")
    with steps_bar("trying the repair") as progress:
        return try_fix(
            model,
            mended,
            train,
            test=test,
            seeds=seeds,
            epochs=epochs,
            minutes=minutes,
            progress=progress,
        )


def _print(shown: "Fix[Any] | Choices", style: str) -> None:
    if style == "json":
        click.echo(json.dumps(shown.to_dict(), indent=2))
    else:
        Console().print(shown.to_table())


def _preferred(moves: tuple[str, ...]) -> "Move | Mapping[str, Move] | None":
    """One move for all layers, or some by path; the verb refuses what is no move."""
    if not moves:
        return None
    if len(moves) == 1 and "=" not in moves[0]:
        return cast("Move", moves[0])
    pairs = [each.partition("=") for each in moves]
    if not all(equals for _, equals, _ in pairs):
        raise UsageError("--move: give one move for all, or PATH=MOVE as often as needed")
    return {path: cast("Move", move) for path, _, move in pairs}


def _is_factory(targets: tuple[str, ...], *, trust: bool) -> bool:
    found = [each for each in targets if names_model(each, trust=trust)]
    if found and len(targets) > 1:
        raise UsageError(f"{found[0]} is mended by itself: name one FACTORY, or only files")
    return bool(found)
