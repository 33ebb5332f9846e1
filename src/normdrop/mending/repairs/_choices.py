"""All that may become of the noise in a model, side by side, before any of it is done."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult

from normdrop.errors import CaptureError
from normdrop.lint.rules import ModelMend
from normdrop.mending.repairs._candidates import Candidate, every_option
from normdrop.mending.repairs._editor import Editor
from normdrop.mending.repairs._move_noise import tried
from normdrop.mending.repairs._places import MOVES, Move
from normdrop.mending.repairs._snapshot import Snapshot
from normdrop.values.display import Column, Row, Table
from normdrop.values.findings import Finding

_AFTERWARDS: dict[Move, str] = {
    "branch": "train or recalibrate",
    "head": "train or recalibrate",
    "uniform": "train or recalibrate",
    "lower": "train or recalibrate",
    "remove": "train or recalibrate",
    "keep": "recalibrate after training",
}
_COLUMNS = (
    Column("layer", meaning="module path of the noise layer"),
    Column("option", meaning="what --move and --prefer call it"),
    Column("what"),
    Column("shift", "right", "the layer's own part, at the norm layer where it is largest"),
    Column("noise", "right", "what is left of the variance of the layer's noise"),
    Column("then", meaning="what it needs afterwards"),
)
_RULE = (
    "fix takes the first of branch, head and uniform that does no harm and leaves no warning; "
    "--prefer puts others first, --move insists."
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """One thing that may become of one noise layer, all others staying.

    Attributes:
        layer: Path of the noise layer.
        move: What, as `move` and `prefer` call it.
        what: What, in words.
        shift: The layer's own part of the expected eval variance / train variance, at the norm
            where that is largest; None where the model does not run with the option.
        noise: The share of the noise's variance that is left, 1 where it only moves.
        harm: Why `fix` would not do it; empty if it may.
    """

    layer: str
    move: Move
    what: str
    shift: float | None
    noise: float
    harm: str = ""

    def to_dict(self) -> dict[str, object]:
        """As JSON knows it."""
        return {
            "layer": self.layer,
            "move": self.move,
            "what": self.what,
            "shift": self.shift,
            "noise": self.noise,
            "then": _AFTERWARDS[self.move],
            "harm": self.harm,
        }


@dataclass(frozen=True)
class Choices:
    """Every option for every noise layer that feeds a norm.

    Attributes:
        found: The options, layer by layer.
    """

    found: tuple[Outlook, ...]

    def __iter__(self) -> Iterator[Outlook]:
        """The options, one by one."""
        return iter(self.found)

    def to_table(self) -> Table:
        """One row per option."""
        rows = tuple(
            Row(
                (
                    each.layer,
                    each.move,
                    f"{each.what}; no: {each.harm}" if each.harm else each.what,
                    "" if each.shift is None else f"{each.shift:.3g}",
                    f"{100 * each.noise:.0f} %",
                    _AFTERWARDS[each.move],
                ),
                "bad" if each.harm else "plain",
            )
            for each in self.found
        )
        return Table("What may become of dropout that feeds a norm", _COLUMNS, rows, (_RULE,))

    def to_dict(self) -> dict[str, object]:
        """As JSON knows it."""
        return {"options": [each.to_dict() for each in self.found]}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table, so that `rich.print(choices)` shows it."""
        yield self.to_table()


def choices(editor: Editor) -> Choices:
    """Try every option for every noise layer that feeds a norm; the model stays as it is.

    Raises:
        CaptureError: The model raised; the message names the layer.
    """
    before = editor.snapshot()
    found = [
        choice
        for finding in before.of(ModelMend.MOVE_NOISE)
        for choice in _of_layer(editor, before, finding)
    ]
    return Choices(tuple(found))


def _of_layer(editor: Editor, before: Snapshot, finding: Finding) -> Iterator[Outlook]:
    path = finding.layers[0]
    node = before.nodes(path)[0]
    yield Outlook(path, "keep", MOVES["keep"], finding.shift, 1.0)
    layer = editor.noise_layer(before, path)
    if isinstance(layer, str):
        return
    for option in every_option(editor, before, node):
        candidate = Candidate(finding, path, layer, node, [option], requested=False)
        mark = editor.journal.mark()
        outcome: tuple[float | None, float, str]
        try:
            outcome = tried(editor, before, candidate)
        except CaptureError as error:
            outcome = None, 1.0, str(error)
        editor.journal.back_to(mark)
        what = f"moved {option.words}" if option.words else MOVES[option.move]
        yield Outlook(path, option.move, what, *outcome)
