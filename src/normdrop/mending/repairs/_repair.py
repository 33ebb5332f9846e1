"""A model mended as far as that is safe."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from typing import TypeAlias

from normdrop.errors import CaptureError, UsageError, unknown
from normdrop.lint.rules import ModelMend
from normdrop.mending.repairs._candidates import Opening, Refusal, candidates, is_kept, openings
from normdrop.mending.repairs._choices import choices
from normdrop.mending.repairs._editor import Editor
from normdrop.mending.repairs._exchange import MENDERS
from normdrop.mending.repairs._fix import Change, Fix, ModelT
from normdrop.mending.repairs._fold_bias import fold_bias
from normdrop.mending.repairs._move_noise import move_noise, spoils
from normdrop.mending.repairs._places import Move
from normdrop.mending.repairs._request import Request
from normdrop.mending.repairs._snapshot import Snapshot
from normdrop.shifts.graph import Kind
from normdrop.values.findings import Finding, Findings

_MOVES_NOISE = frozenset(
    {
        ModelMend.MOVE_NOISE,
        ModelMend.MOVE_BEFORE_WEIGHT,
        ModelMend.MOVE_BEHIND_POOL,
        ModelMend.PLAIN_DROPOUT,
    }
)
FOLDING_TOLERANCE = 1e-4
"""How far eval outputs may move when biases are folded, as a share of the largest output."""


@dataclass(frozen=True)
class Repaired:
    """What a repair did.

    Attributes:
        changes: What was changed, finding by finding.
        advice: What to do next, in sentences.
        remaining: The errors and warnings that are left.
        before: The model before.
        now: The model now.
        open_: The noise layers that feed a norm, with all that could become of them.
        taken: What became of those that were changed, by path.
    """

    changes: tuple[Change, ...]
    advice: tuple[str, ...]
    remaining: Findings
    before: Snapshot
    now: Snapshot
    open_: tuple[Opening, ...]
    taken: Mapping[str, Move]

    def of(self, model: ModelT) -> Fix[ModelT]:
        """The mended model with what was done to it."""
        return Fix(
            model,
            self.changes,
            self.advice,
            self.remaining,
            self.before.report,
            self.now.report,
            partial(choices, self.before, self.open_, self.taken),
        )


def repair(
    editor: Editor,
    request: Request,
    *,
    notes: bool = False,
    leave: frozenset[ModelMend] = frozenset(),
) -> Repaired:
    """Mend what can be mended without changing what the model computes in eval mode.

    Args:
        editor: The model, and how it is changed.
        request: What the user asks for.
        notes: Whether notes are mended too, and not only errors and warnings.
        leave: What is not done, so that the findings it would mend are left.

    Raises:
        CaptureError: The model raised; the message names the layer.
        UsageError: A request names no layer.
    """
    return _RepairSteps(editor, request, leave, editor.snapshot()).run(notes=notes)


_Fault: TypeAlias = tuple[str, tuple[str, ...]]
"""A rule and the layer it speaks of: what is tried once."""


@dataclass
class _RepairSteps:
    """The steps of one repair."""

    editor: Editor
    request: Request
    leave: frozenset[ModelMend]
    before: Snapshot
    now: Snapshot = field(init=False)
    changes: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    open_: tuple[Opening, ...] = ()
    taken: dict[str, Move] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing is changed yet."""
        self.now = self.before

    def run(self, *, notes: bool) -> Repaired:
        """Noise first, since a bias before noise is cancelled only once the noise is gone."""
        self._check_paths()
        self._move_noise(notes=notes)
        self._mend([mend for mend in MENDERS if mend not in self.leave], notes=notes)
        self._mend([mend for mend in [ModelMend.FOLD_BIAS] if mend not in self.leave], notes=notes)
        left = [each for each in self.now.findings if each.severity != "note"]
        return Repaired(
            tuple(self.changes),
            tuple(_advice(self.editor, self.before, self.changes, self.refused, self.sentences)),
            replace(self.now.findings, found=tuple(left)),
            self.before,
            self.now,
            self.open_,
            self.taken,
        )

    def _check_paths(self) -> None:
        layers = {node.layer for node in self.now.graph} | set(self.now.names.values())
        for path in self.request.paths:
            if path not in layers:
                noises = dict.fromkeys(node.layer for node in self.now.graph.of_kind(Kind.NOISE))
                near = get_close_matches(path, layers, 1) or list(noises)
                what = f"move: the model has no layer {path!r}"
                raise unknown(what, path, tuple(near)) if near else UsageError(what)

    def _move_noise(self, *, notes: bool) -> None:
        """All noise at once, again for what tells a shift once the larger shares of it are gone."""
        self.open_ = tuple(self._openings())
        tried: set[str] = set()
        open_: Sequence[Opening] = self.open_
        while faults := [
            each
            for each in open_
            if each.path not in tried and (notes or each.finding.severity != "note")
        ]:
            tried |= {each.path for each in faults}
            self._move(faults)
            tried |= {each.becomes for each in self.changes}
            open_ = self._openings()
        cheap = [each for each in self.open_ if each.path not in tried]
        if cheap:
            named = ", ".join(f"{each.path} ({_part(each)})" for each in cheap)
            self.sentences.append(f"Kept, as the norms behind see little of it: {named}.")

    def _openings(self) -> list[Opening]:
        return openings(self.editor, self.now, self.now.of(ModelMend.MOVE_NOISE))

    def _move(self, faults: Sequence[Opening]) -> None:
        """Move what feeds norms, all at once; where outputs would differ, nothing."""
        self.sentences += _kept(self.now, faults, self.request)
        waiting, refused = candidates(self.editor, self.now, faults, self.request)
        self.refused += refused
        mark = self.editor.journal.mark()
        moved = move_noise(self.editor, self.now, waiting)
        difference = self.editor.difference()
        if difference:
            self.editor.journal.back_to(mark)
            reason = f"{difference}; move it in the source"
            self.refused += [Refusal(each.finding, reason) for each in waiting]
            return
        self.changes += moved.changes
        self.refused += moved.refused
        self.sentences += moved.sentences
        self.taken |= moved.taken
        self.now = moved.now

    def _mend(self, mends: Sequence[ModelMend], *, notes: bool) -> None:
        """All findings at once, again for those that come to light."""
        done: set[_Fault] = set()
        while faults := list(self._faults(mends, done, notes=notes)):
            done |= {_fault_of(each) for each in faults}
            self._try(faults)

    def _faults(
        self, mends: Sequence[ModelMend], done: set[_Fault], *, notes: bool
    ) -> Iterator[Finding]:
        """Of each layer and rule one finding that is not done."""
        found: dict[_Fault, Finding] = {}
        for finding in self.now.of(*mends):
            if (notes or finding.severity != "note") and _fault_of(finding) not in done:
                found.setdefault(_fault_of(finding), finding)
        yield from found.values()

    def _try(self, faults: Sequence[Finding]) -> None:
        """Make changes together; where they do harm, each half of them by itself.

        Each look at the model runs it, so that one for each change would take time with the square
        of its size.
        """
        mark = self.editor.journal.mark()
        outcomes = [self._mended(finding) for finding in faults]
        changes = [each for each in outcomes if isinstance(each, Change)]
        harm = self._harm(faults) if changes else ""
        if not harm:
            self.changes += changes
            self.refused += [each for each in outcomes if isinstance(each, Refusal)]
            return
        self.editor.journal.back_to(mark)
        if len(faults) == 1:
            self.refused.append(Refusal(faults[0], f"{harm}; {faults[0].fix}"))
            return
        middle = len(faults) // 2
        self._try(faults[:middle])
        self._try(faults[middle:])

    def _mended(self, finding: Finding) -> Change | Refusal | None:
        """What one mend does; a refused one leaves the model as it was."""
        mark = self.editor.journal.mark()
        mend = self.now.mends[finding.code]
        outcome: Change | Refusal | None
        if mend is ModelMend.FOLD_BIAS:
            outcome = fold_bias(self.editor, self.now, finding, remove=self.request.remove_bias)
        else:
            outcome = MENDERS[mend](self.editor, self.now, finding)
        if isinstance(outcome, Refusal):
            self.editor.journal.back_to(mark)
        return outcome

    def _harm(self, faults: Sequence[Finding]) -> str:
        """What the changes spoil; if nothing, the model is looked at anew."""
        folds = any(self.now.mends[each.code] is ModelMend.FOLD_BIAS for each in faults)
        difference = self.editor.difference(FOLDING_TOLERANCE if folds else 0.0)
        if difference:
            return difference
        try:
            now = self.editor.snapshot()
            spoiled = "" if folds else spoils(self.now, now)
        except CaptureError as error:
            return f"the model does not run with the change: {error}"
        if not spoiled:
            self.now = now
        return spoiled


def _fault_of(finding: Finding) -> _Fault:
    return finding.code, finding.layers[:1]


def _kept(snapshot: Snapshot, faults: Sequence[Opening], request: Request) -> Iterator[str]:
    """What stays as it is, and why."""
    for each in faults:
        if request.of(each.path) is None and is_kept(snapshot, each.path, request):
            where = (
                "it stands where guideline 1 puts it"
                if each.path in snapshot.placed
                else "as preferred"
            )
            yield (
                f"{each.path} is kept: {where}. Its part of the shift at "
                f"{each.finding.layers[1]} is {_part(each)}: call normdrop.recalibrate after "
                "training, with dropout off."
            )


def _part(open_: Opening) -> str:
    shift = open_.finding.shift
    return "unknown" if shift is None else f"{shift:.3g}"


def _advice(
    editor: Editor,
    before: Snapshot,
    changes: Sequence[Change],
    refused: Sequence[Refusal],
    sentences: Sequence[str],
) -> Iterator[str]:
    """The next steps, then what is worth knowing, then what was left and why."""
    done = {before.mends[change.code] for change in changes}
    if done & _MOVES_NOISE:
        yield (
            "Train again, or call normdrop.recalibrate with data: the stored statistics are those "
            "of the noise as it was. Until then eval outputs are what they were."
        )
    if ModelMend.TURN_MOMENTUM in done:
        yield (
            "Call normdrop.recalibrate with data: the stored statistics are those of the last "
            "batches alone."
        )
    biases = [each for each in changes if before.mends[each.code] is ModelMend.FOLD_BIAS]
    if any(change.what.endswith("zero") for change in biases):
        yield (
            "A folded bias stays zero but for rounding, as its gradient is none; the momentum of "
            "an optimizer that has run already may still move it, which changes no output in train "
            "mode: make the optimizer anew, or pass remove_bias=True."
        )
    if any(change.what.endswith("removed") for change in biases):
        yield (
            f"A removed bias is no longer among the weights: {editor.older_files}, and an "
            "optimizer must be made anew."
        )
    yield from sentences
    yield from map(str, refused)
