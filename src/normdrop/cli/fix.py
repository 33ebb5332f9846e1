"""`normdrop fix`: source or a model mended, as far as that is safe."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import rich_click as click
from rich.console import Console

from normdrop.cli._factory import names_model
from normdrop.cli._options import model_to_write, shape_option, trust_option, weights_option
from normdrop.cli._selection import chosen_rules
from normdrop.errors import UsageError
from normdrop.values.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from normdrop.lint.rules import Rule
    from normdrop.mending.patches import Patch
    from normdrop.mending.repairs import Choices, Fix, Move
    from normdrop.values.findings import Finding

_MOVES = "branch, head, uniform, lower, remove or keep"
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
            listed=listed,
        )
    given = input_shape or settings or weights or out or moves or prefer or listed
    if given or style != "text":
        raise UsageError(
            "--input-shape, --with, --weights, --out, --move, --prefer, --options and --format are "
            "for a FACTORY, such as net.py:make"
        )
    return _fix_files(
        targets,
        run,
        (*chosen.exclude, *exclude),
        write=write,
        unsafe=unsafe,
        remove_bias=remove_bias,
    )


def _fix_files(
    targets: tuple[str, ...],
    run: "Sequence[Rule]",
    exclude: tuple[str, ...],
    *,
    write: bool,
    unsafe: bool,
    remove_bias: bool,
) -> int:
    from normdrop.lint import rules
    from normdrop.mending import patches

    notes: list[str] = []
    found = list(
        patches.patch_files(
            targets,
            run,
            exclude=exclude,
            suppressions=rules.project_settings(Path.cwd()).suppressions,
            unsafe=unsafe,
            remove_bias=remove_bias,
            notes=notes,
        )
    )
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
    listed: bool,
) -> int:
    from normdrop.verbs import fix_with, save_weights

    mended = fix_with(
        model, example, run, move=move, remove_bias=remove_bias, notes=notes, prefer=prefer
    )
    if listed:
        _print(mended.options, style)
        return 0
    if out is not None:
        save_weights(mended.model, out)
    _print(mended, style)
    return 0 if mended.is_complete else 1


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
