"""A model mended as far as that is safe."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from normdrop.errors import UsageError
from normdrop.lint.rules import ModelMend
from normdrop.mending.repairs._candidates import candidates
from normdrop.mending.repairs._editor import Editor
from normdrop.mending.repairs._exchange import MENDERS
from normdrop.mending.repairs._fix import Change, Fix, ModelT, Refusal
from normdrop.mending.repairs._fold_bias import fold_bias
from normdrop.mending.repairs._move_noise import move_noise
from normdrop.mending.repairs._request import Request
from normdrop.mending.repairs._snapshot import Snapshot
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
    """

    changes: tuple[Change, ...]
    advice: tuple[str, ...]
    remaining: Findings
    before: Snapshot
    now: Snapshot

    def of(self, model: ModelT) -> Fix[ModelT]:
        """The mended model with what was done to it."""
        return Fix(
            model,
            self.changes,
            self.advice,
            self.remaining,
            self.before.report,
            self.now.report,
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
        )

    def _check_paths(self) -> None:
        layers = {node.layer for node in self.now.graph} | set(self.now.names.values())
        for path in self.request.paths:
            if path not in layers:
                raise UsageError(f"move: the model has no layer {path!r}")

    def _move_noise(self, *, notes: bool) -> None:
        faults = [
            each for each in self.now.of(ModelMend.MOVE_NOISE) if notes or each.severity != "note"
        ]
        if not faults:
            return
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
        self.now = moved.now

    def _mend(self, mends: Sequence[ModelMend], *, notes: bool) -> None:
        """Finding by finding; a change that does not do what it should is taken back."""
        done: set[tuple[str, tuple[str, ...]]] = set()
        while finding := next(self._faults(mends, done, notes=notes), None):
            done.add((finding.code, finding.layers[:1]))
            mark = self.editor.journal.mark()
            outcome = self._mended(finding)
            if isinstance(outcome, Refusal):
                self.editor.journal.back_to(mark)
                self.refused.append(outcome)
            elif outcome is not None:
                self.changes.append(outcome)
                self.now = self.editor.snapshot()

    def _faults(
        self, mends: Sequence[ModelMend], done: set[tuple[str, tuple[str, ...]]], *, notes: bool
    ) -> Iterator[Finding]:
        for finding in self.now.of(*mends):
            serious = notes or finding.severity != "note"
            if serious and (finding.code, finding.layers[:1]) not in done:
                yield finding

    def _mended(self, finding: Finding) -> Change | Refusal | None:
        tolerance = 0.0
        outcome: Change | Refusal | None
        mend = self.now.mends[finding.code]
        if mend is ModelMend.FOLD_BIAS:
            tolerance = FOLDING_TOLERANCE
            outcome = fold_bias(self.editor, self.now, finding, remove=self.request.remove_bias)
        else:
            outcome = MENDERS[mend](self.editor, self.now, finding)
        if isinstance(outcome, Change) and (difference := self.editor.difference(tolerance)):
            return Refusal(finding, f"{difference}; {finding.fix}")
        return outcome


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
