"""A model mended as far as that is safe."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from normdrop.errors import UsageError
from normdrop.mending.repairs._advice import advice
from normdrop.mending.repairs._candidates import candidates
from normdrop.mending.repairs._editor import Bench
from normdrop.mending.repairs._exchange import MENDERS
from normdrop.mending.repairs._fix import Change, Fix, ModelT
from normdrop.mending.repairs._fold_bias import CODE as BIAS
from normdrop.mending.repairs._fold_bias import fold_bias
from normdrop.mending.repairs._move_noise import CODE as NOISE
from normdrop.mending.repairs._move_noise import move_noise
from normdrop.mending.repairs._refusal import Refusal
from normdrop.mending.repairs._request import Wishes
from normdrop.mending.repairs._snapshot import Look
from normdrop.values.findings import Finding, Findings

FOLDING_TOLERANCE = 1e-4
"""How far eval outputs may move when biases are folded, as a share of the largest output."""


@dataclass(frozen=True)
class Repaired:
    """What a repair did.

    Attributes:
        changes: What was changed, finding by finding.
        advice: What to do next, in sentences.
        remaining: The errors and warnings that are left.
        before: A look at the model before.
        now: A look at it now.
    """

    changes: tuple[Change, ...]
    advice: tuple[str, ...]
    remaining: Findings
    before: Look
    now: Look

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
    bench: Bench, wishes: Wishes, *, notes: bool = False, leave: frozenset[str] = frozenset()
) -> Repaired:
    """Mend what can be mended without changing what the model computes in eval mode.

    Args:
        bench: The model, and how it is changed.
        wishes: What the user asks for.
        notes: Whether notes are mended too, and not only errors and warnings.
        leave: Codes of findings that are left.

    Raises:
        CaptureError: The model raised; the message names the layer.
        UsageError: A wish names no layer.
    """
    return _Repair(bench, wishes, leave, bench.look()).run(notes=notes)


@dataclass
class _Repair:
    """The steps of one repair."""

    bench: Bench
    wishes: Wishes
    leave: frozenset[str]
    before: Look
    now: Look = field(init=False)
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
        self._mend([code for code in MENDERS if code not in self.leave], notes=notes)
        self._mend([code for code in [BIAS] if code not in self.leave], notes=notes)
        left = [each for each in self.now.findings if each.severity != "note"]
        return Repaired(
            tuple(self.changes),
            tuple(advice(self.bench, self.changes, self.refused, self.sentences)),
            Findings(tuple(left)),
            self.before,
            self.now,
        )

    def _check_paths(self) -> None:
        layers = {node.layer for node in self.now.graph} | set(self.now.names.values())
        for path in self.wishes.paths:
            if path not in layers:
                raise UsageError(f"move: the model has no layer {path!r}")

    def _move_noise(self, *, notes: bool) -> None:
        faults = [each for each in self.now.of(NOISE) if notes or each.severity != "note"]
        if not faults:
            return
        waiting, refused = candidates(self.bench, self.now, faults, self.wishes)
        self.refused += refused
        mark = self.bench.journal.mark()
        moved = move_noise(self.bench, self.now, waiting)
        difference = self.bench.difference()
        if difference:
            self.bench.journal.back_to(mark)
            reason = f"{difference}; move it in the source"
            self.refused += [Refusal(each.finding, reason) for each in waiting]
            return
        self.changes += moved.changes
        self.refused += moved.refused
        self.sentences += moved.sentences
        self.now = moved.now

    def _mend(self, codes: Sequence[str], *, notes: bool) -> None:
        """Finding by finding; a change that does not do what it should is taken back."""
        done: set[tuple[str, tuple[str, ...]]] = set()
        while finding := next(self._faults(codes, done, notes=notes), None):
            done.add((finding.code, finding.layers[:1]))
            mark = self.bench.journal.mark()
            outcome = self._mended(finding)
            if isinstance(outcome, Refusal):
                self.bench.journal.back_to(mark)
                self.refused.append(outcome)
            elif outcome is not None:
                self.changes.append(outcome)
                self.now = self.bench.look()

    def _faults(
        self, codes: Sequence[str], done: set[tuple[str, tuple[str, ...]]], *, notes: bool
    ) -> Iterator[Finding]:
        for finding in self.now.of(*codes):
            serious = notes or finding.severity != "note"
            if serious and (finding.code, finding.layers[:1]) not in done:
                yield finding

    def _mended(self, finding: Finding) -> Change | Refusal | None:
        tolerance = 0.0
        outcome: Change | Refusal | None
        if finding.code == BIAS:
            tolerance = FOLDING_TOLERANCE
            outcome = fold_bias(self.bench, self.now, finding, remove=self.wishes.remove_bias)
        else:
            outcome = MENDERS[finding.code](self.bench, self.now, finding)
        if isinstance(outcome, Change) and (difference := self.bench.difference(tolerance)):
            return Refusal(finding, f"{difference}; {finding.fix}")
        return outcome
