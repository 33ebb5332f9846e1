"""A model mended as far as that is safe."""

import copy
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from normdrop.errors import UsageError
from normdrop.findings import Finding, Findings
from normdrop.repairs import Change, Fix
from normdrop.rules import Rule
from normdrop.torch._values import need_values
from normdrop.torch.rewrite._advice import advice
from normdrop.torch.rewrite._candidates import Refusal, candidates
from normdrop.torch.rewrite._fold_bias import CODE as BIAS
from normdrop.torch.rewrite._fold_bias import fold_bias
from normdrop.torch.rewrite._journal import Journal
from normdrop.torch.rewrite._look import Look
from normdrop.torch.rewrite._move_noise import CODE as NOISE
from normdrop.torch.rewrite._move_noise import move_noise
from normdrop.torch.rewrite._settle import MENDERS
from normdrop.torch.rewrite._wishes import Wishes
from normdrop.torch.rewrite._witness import Witness

FOLDING_TOLERANCE = 1e-4
"""How far eval outputs may move when biases are folded, as a share of the largest output."""


def rewrite(
    model: nn.Module,
    example: object,
    rules: Sequence[Rule],
    wishes: Wishes | None = None,
    *,
    notes: bool = False,
    in_place: bool = False,
) -> Fix[nn.Module]:
    """Mend what can be mended without changing what the model computes in eval mode.

    Args:
        model: Any module.
        example: What the model takes; see `capture`.
        rules: The rules whose findings are mended.
        wishes: What the user asks for.
        notes: Whether notes are mended too, and not only errors and warnings.
        in_place: Whether to change the model itself, as a whole or not at all.

    Raises:
        CaptureError: The model raised; the message names the module.
        UsageError: The model cannot be changed or copied, or a wish names no layer.
    """
    _refuse_sealed(model)
    work = model if in_place else _copied(model)
    with Journal() as journal:
        return _Repair(work, example, rules, wishes or Wishes(), journal).run(notes=notes)


class _Repair:
    """The steps of one repair."""

    def __init__(
        self,
        model: nn.Module,
        example: object,
        rules: Sequence[Rule],
        wishes: Wishes,
        journal: Journal,
    ) -> None:
        self.model = model
        self.wishes = wishes
        self.journal = journal
        self.look: Callable[[], Look] = lambda: Look.at(model, example, rules)
        self.before = self.look()
        self.now = self.before
        self.witness = Witness(model, example)
        self.changes: list[Change] = []
        self.refused: list[Refusal] = []
        self.sentences: list[str] = []
        self._check_paths()

    def run(self, *, notes: bool) -> Fix[nn.Module]:
        """Noise first, since a bias before noise is cancelled only once the noise is gone."""
        self._move_noise(notes=notes)
        self._mend(list(MENDERS), notes=notes)
        self._mend([BIAS], notes=notes)
        left = [each for each in self.now.findings if each.severity != "note"]
        return Fix(
            self.model,
            tuple(self.changes),
            tuple(advice(self.changes, self.refused, self.sentences)),
            Findings(tuple(left)),
            self.before.report,
            self.now.report,
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
        waiting, refused = candidates(self.model, self.now, faults, self.wishes)
        self.refused += refused
        mark = self.journal.mark()
        moved = move_noise(self.model, self.now, waiting, self.journal, self.look)
        if not self.witness.agrees():
            self.journal.back_to(mark)
            reason = "the model's eval outputs would change; move it in the source"
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
            mark = self.journal.mark()
            outcome = self._mended(finding)
            if isinstance(outcome, Refusal):
                self.journal.back_to(mark)
                self.refused.append(outcome)
            elif outcome is not None:
                self.changes.append(outcome)
                self.now = self.look()

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
            outcome = fold_bias(
                self.model, self.now, finding, self.journal, remove=self.wishes.remove_bias
            )
        else:
            outcome = MENDERS[finding.code](self.model, self.now, finding, self.journal)
        if isinstance(outcome, Change) and not self.witness.agrees(tolerance):
            return Refusal(finding, f"the model's eval outputs would change; {finding.fix}")
        return outcome


def _refuse_sealed(model: nn.Module) -> None:
    """Refuse models whose calls are fixed, and those without values."""
    if isinstance(model, torch.jit.ScriptModule):
        raise UsageError(
            "fix: a scripted module cannot be changed: fix the module it was scripted from, and "
            "script it again"
        )
    if isinstance(getattr(model, "_orig_mod", None), nn.Module):
        raise UsageError(
            "fix: a compiled module cannot be changed: fix the module it was compiled from, "
            "model._orig_mod, and compile it again"
        )
    need_values(model)


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise UsageError(
            f"fix: {type(model).__name__} cannot be copied ({type(error).__name__}: {error}): pass "
            "in_place=True to change the model itself"
        ) from error
