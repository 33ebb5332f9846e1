"""All that may become of the noise in a model, side by side, and what each would come to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from normdrop.mending.harm import HARMS
from normdrop.mending.repairs._candidates import Opening, Option
from normdrop.mending.repairs._places import MOVES, Move
from normdrop.mending.repairs._rewired import rewired
from normdrop.mending.repairs._snapshot import Snapshot, worse
from normdrop.mending.repairs._uniform import (
    UNWARNED,
    cap,
    largest_beta,
    rate_of,
    with_betas,
)
from normdrop.shifts.graph import Captured
from normdrop.values.display import Column, Row, ShownAsTables, Table

AFTERWARDS: dict[Move, str] = {
    "branch": "train or recalibrate",
    "head": "train or recalibrate",
    "uniform": "train or recalibrate",
    "lower": "train or recalibrate",
    "remove": "train or recalibrate",
    "keep": "recalibrate after training",
}
"""What each move needs afterwards."""
RULE = (
    "fix keeps dropout that costs little, and dropout that stands where guideline 1 puts it; of "
    "other dropout it takes the first of branch, head and uniform that makes no norm's shift "
    "larger and leaves no warning. --prefer puts others first wherever they do no harm, --move "
    "insists."
)
"""How `fix` chooses."""
_COLUMNS = (
    Column("", meaning="› is what fix takes"),
    Column("layer", meaning="module path of the noise layer, or its line"),
    Column("option", meaning="what --move and --prefer call it"),
    Column("what"),
    Column("shift", "right", "the layer's own part, at the norm layer where it is largest"),
    Column("noise", "right", "what is left of the variance of the layer's noise"),
    Column("then", meaning="what it needs afterwards"),
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """One thing that may become of one noise layer.

    Attributes:
        layer: Path of the noise layer in a model, or its place in a file.
        move: What, as `move` and `prefer` call it.
        what: What, in words.
        shift: The layer's own part of the expected eval variance / train variance, at the norm
            where that is largest, if all the layers that can take this move do; None where it is
            unknown.
        noise: The share of the noise's variance that is left, 1 where it only moves.
        harm: Why `fix` would not do it by itself; empty if it may.
        chosen: Whether it is what `fix` does.
    """

    layer: str
    move: Move
    what: str
    shift: float | None
    noise: float
    harm: str = ""
    chosen: bool = False

    def to_dict(self) -> dict[str, object]:
        """As JSON knows it."""
        return {
            "layer": self.layer,
            "move": self.move,
            "what": self.what,
            "shift": self.shift,
            "noise": self.noise,
            "then": AFTERWARDS[self.move],
            "harm": self.harm,
            "chosen": self.chosen,
        }


@dataclass(frozen=True)
class Choices(ShownAsTables):
    """Every option for every noise layer that feeds a norm.

    Attributes:
        found: The options, layer by layer.
    """

    text_width: ClassVar[int] = 120

    found: tuple[Outlook, ...]

    def __iter__(self) -> Iterator[Outlook]:
        """The options, one by one."""
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def of(self, layer: str) -> dict[Move, Outlook]:
        """The options for one layer, by what they are called."""
        return {each.move: each for each in self.found if each.layer == layer}

    def to_table(self) -> Table:
        """One row per option."""
        rows = tuple(
            Row(
                (
                    "›" if each.chosen else "",
                    each.layer,
                    each.move,
                    f"{each.what}; no: {each.harm}" if each.harm else each.what,
                    "" if each.shift is None else f"{each.shift:.3g}",
                    f"{100 * each.noise:.0f} %",
                    AFTERWARDS[each.move],
                ),
                "good" if each.chosen else "bad" if each.harm else "plain",
            )
            for each in self.found
        )
        return Table("What may become of dropout that feeds a norm", _COLUMNS, rows, (RULE,))

    def to_dict(self) -> dict[str, object]:
        """As JSON knows it."""
        return {"options": [each.to_dict() for each in self.found]}


def choices(before: Snapshot, open_: Sequence[Opening], taken: Mapping[str, Move]) -> Choices:
    """Weigh every option for every noise layer that feeds a norm, on graphs alone.

    All layers that can take a move are given it together, so that each move costs one look.

    Args:
        before: The model as it was.
        open_: Its noise layers, with what may become of them.
        taken: What became of each, by path; it was kept where nothing is said.
    """
    found: dict[str, list[Outlook]] = {}
    for each in open_:
        shift = each.finding.shift
        found[each.path] = [Outlook(each.path, "keep", MOVES["keep"], shift, 1.0)]
    for move in ("branch", "head", "lower", "uniform", "remove"):
        given = [(each, option) for each in open_ for option in each.options if option.move == move]
        for choice in _weighed(before, move, given):
            found[choice.layer].append(choice)
    return Choices(
        tuple(
            replace(choice, chosen=choice.move == taken.get(path, "keep"))
            for path, of_layer in found.items()
            for choice in of_layer
        )
    )


def _weighed(
    before: Snapshot, move: Move, given: Sequence[tuple[Opening, Option]]
) -> Iterator[Outlook]:
    """What one move comes to for each layer that can take it."""
    if not given:
        return
    left = dict.fromkeys((each.path for each, _ in given), 1.0)
    if move in {"branch", "head"}:
        edges = {each.node.id: option.edge for each, option in given if option.edge is not None}
        captured = Captured(rewired(before.graph, edges), before.captured.eval)
    else:
        captured, left = _weakened(before.captured, move, [each for each, _ in given])
    now = replace(before, captured=captured)
    for each, option in given:
        path = each.path
        known = each.finding.shift is not None
        reason = _harm(before, now, path) if known else ""
        what = f"moved {option.words}" if option.words else MOVES[move]
        yield Outlook(path, move, what, now.worst(path)[1] if known else None, left[path], reason)


def _harm(before: Snapshot, now: Snapshot, path: str) -> str:
    """Why `fix` would not give a layer its move by itself; empty if it may."""
    harm = now.harms(path) - before.harms(path)
    if harm:
        return HARMS[min(harm)]
    return next(
        (
            f"the shift at {norm} would go from {before.shifts[norm].shift:.3g} to "
            f"{now.shifts[norm].shift:.3g}"
            for norm in now.parts.get(path, {})
            if worse(before, now, norm)
        ),
        "",
    )


def _weakened(
    captured: Captured, move: Move, given: Sequence[Opening]
) -> tuple[Captured, dict[str, float]]:
    """The model with weaker noise of the same second moments, and the share that is left."""
    caps = {each.path: cap(each.node.noise) for each in given if each.node.noise is not None}
    beta = 0.0
    if move == "lower":
        beta = largest_beta(captured, caps, UNWARNED)
    elif move == "uniform":
        beta = largest_beta(captured, caps)
    betas = {path: min(beta, most) for path, most in caps.items()}
    if move == "lower":
        betas = {path: _beta_of(rate_of(each)) for path, each in betas.items()}
    shares = {path: (betas[path] / most) ** 2 if most else 1.0 for path, most in caps.items()}
    return with_betas(captured, betas), shares


def _beta_of(rate: float) -> float:
    """The half-width of uniform noise that has the variance of dropout."""
    return float((3 * rate / (1 - rate)) ** 0.5)
