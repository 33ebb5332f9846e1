"""The whole examination: what is wrong, what it costs, what helps, what it costs then."""

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from normdrop.errors import CaptureError, NormdropError, ShiftWarning, UsageError
from normdrop.mending.diagnosis import Diagnosis, Treatment, is_shifted
from normdrop.mending.repairs import Fix
from normdrop.shifts.report import Recalibration, ShiftReport
from normdrop.values.findings import Finding, Findings
from normdrop.values.severity import severity
from normdrop.verbs._check import check
from normdrop.verbs._fix import fix
from normdrop.verbs._framework import opened
from normdrop.verbs._measure import measure
from normdrop.verbs._predict import predict
from normdrop.verbs._recalibrate import recalibrate
from normdrop.verbs._types import AnyModel, ModelT

T = TypeVar("T")

_HELD = 2**29
"""Bytes of batches that are kept, so that they are the same in every pass."""

Progress = Callable[[str, int, int | None], None]
"""Called with the step that is at work, the batches done and, where known, how many there are."""


def doctor(
    model: ModelT,
    batches: Iterable[object],
    metric: object = None,
    *,
    limit: int | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Diagnosis[ModelT]:
    """Find what is wrong with a model, what it costs, and mend a copy as far as that helps.

    In turn: `check`, `predict`, `measure`; for trained weights whose shift is an error or a
    warning anywhere `recalibrate`, for fresh weights `fix`; then `measure` again, or `predict` for
    fresh weights. What `fix` would change before the next training is listed for trained weights
    too. Statistics are taken from every other batch, and what the model is worth before and after
    is measured on the rest. A finding has the shift that was measured, where there is one.

    Args:
        model: A `torch.nn.Module`, or a built Keras model. Nothing about it changes.
        batches: As for `measure`, readable several times; the first also serves as the example. Up
            to 512 MiB of them are kept in memory; more are read anew for each step, and should
            then come in the same order.
        metric: As for `measure`; without one the cost is not told in its terms.
        limit: How many batches to read at most.
        name: What the model is called in the story; by default its class.
        progress: Called as the examination goes on.

    Returns:
        All that was found and done, and the mended copy.

    Raises:
        CaptureError: The model raised; the message names the module.
        UsageError: As for `measure`; or batches that can be read only once.

    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(8, 64), nn.Dropout(0.5), nn.BatchNorm1d(64))
    >>> batches = [torch.randn(64, 8) for _ in range(50)]
    >>> for batch in batches:
    ...     _ = model(batch)  # train mode: the running statistics come to be
    >>> diagnosis = doctor(model, batches)
    >>> diagnosis.findings.codes, diagnosis.treatment
    (('ND101',), 'recalibrated')
    >>> round(diagnosis.before["2"].shift, 1), round(diagnosis.after["2"].shift, 1)
    (0.5, 1.0)
    """
    if isinstance(batches, Iterator):
        raise UsageError(
            f"doctor reads the batches several times, and a {type(batches).__name__} can be read "
            "only once: pass a list, a DataLoader or any object whose __iter__ starts anew"
        )
    visit = _Visit(model, batches, metric, limit, progress)
    return visit.examined(name)


class _Visit:
    """One examination, step by step."""

    def __init__(
        self,
        model: AnyModel,
        batches: Iterable[object],
        metric: object,
        limit: int | None,
        progress: Progress | None,
    ) -> None:
        self._framework = opened(model, "doctor", batches=batches).unwrapped()
        self._model = self._framework.model
        self._metric = metric
        self._progress = progress
        self._notes: list[str] = []
        batches = self._framework.batches_of(batches)
        self._batches, self._limit = batches, limit
        self._example = self._first()
        parts = _halves(batches, limit)
        if parts is None:
            self._used = self._judged = batches
        else:
            self._used, self._judged = parts
            self._limit = None

    def examined(self, name: str | None) -> Diagnosis[Any]:
        """The examination that the model's weights call for."""
        trained = any(each.trained for each in self._framework.norm_facts().values())
        learned = trained or self._framework.has_learned_statistics()
        examine = self._trained if learned else self._fresh
        return examine(name or self._framework.name)

    def _trained(self, name: str) -> Diagnosis[Any]:
        """Measure, estimate the statistics anew where that is called for, measure again."""
        before = self._blamed() or self._measure(self._model, "measuring")
        findings = _measured(check(self._model, self._example), before)
        predicted = self._try("predict", self._predict)
        mended, copied = self._copy()
        recalibration, after, refused = None, None, ""
        if is_shifted(before):
            recalibration = self._try("recalibrate", lambda: self._recalibrate(mended))
        if recalibration is not None and recalibration.refused:
            refused = recalibration.refused
            self._notes.append(refused)
            recalibration = None
        if recalibration is not None:
            try:
                after = self._measure(mended, "measuring again")
            finally:
                if not copied:
                    recalibration.undo()
            if self._judged is self._used:
                self._notes.append(
                    "There is one batch, so that the score is that of the examples which the "
                    "statistics were taken from."
                )
        treatment: Treatment = "none" if recalibration is None else "recalibrated"
        return Diagnosis(
            mended,
            name,
            treatment,
            findings,
            predicted,
            before,
            after,
            self._try("fix", self._fix),
            recalibration,
            tuple(self._notes),
            refused,
            copied,
        )

    def _fresh(self, name: str) -> Diagnosis[Any]:
        """Mend the order of the layers before anything is trained, and predict again."""
        findings = check(self._model, self._example)
        predicted = self._try("predict", self._predict)
        mended = self._try("fix", self._fix)
        changed = mended is not None and bool(mended.changes)
        model, copied = (mended.model, True) if mended is not None else self._copy()
        treatment: Treatment = "fixed" if changed else "none"
        after = self._try("predict", lambda: predict(model, self._example)) if changed else None
        return Diagnosis(
            model,
            name,
            treatment,
            findings,
            predicted,
            None,
            after,
            mended,
            None,
            tuple(self._notes),
            copied=copied,
        )

    def _copy(self) -> tuple[Any, bool]:
        """A copy to mend; the model itself, which is then put back, where none can be made."""
        try:
            return self._framework.copied(), True
        except UsageError:
            return self._model, False

    def _first(self) -> object:
        """The first batch's inputs, as an example."""
        for batch in self._framework.reading(self._batches, limit=self._limit).first():
            args, kwargs = batch.arguments
            return kwargs or (args[0] if len(args) == 1 else args)
        raise UsageError("there are no batches")

    def _predict(self) -> ShiftReport:
        self._tell("predicting")
        return predict(self._model, self._example)

    def _fix(self) -> Fix[Any]:
        self._tell("mending")
        return fix(self._model, self._example)

    def _blamed(self) -> ShiftReport | None:
        """The measured shift with its causes, or a note of why these cannot be found.

        They take passes in train mode, which a model may refuse where it takes those in eval mode.
        """
        try:
            return self._measure(self._model, "measuring", blame=True)
        except CaptureError as error:
            self._notes.append(f"Finding the causes was not possible: {error}.")
            return None

    def _measure(self, model: Any, step: str, *, blame: bool = False) -> ShiftReport:  # noqa: ANN401 - see `Model`
        return measure(
            model,
            self._judged,
            self._metric,
            limit=self._limit,
            blame=blame,
            progress=self._told(step),
        )

    def _recalibrate(self, model: Any) -> Recalibration:  # noqa: ANN401 - same
        with warnings.catch_warnings():  # the story says it
            warnings.simplefilter("ignore", ShiftWarning)
            return recalibrate(
                model, self._used, limit=self._limit, progress=self._told("recalibrating")
            )

    def _try(self, verb: str, action: Callable[[], T]) -> T | None:
        """What a step gives, or nothing and a note of why."""
        try:
            return action()
        except NormdropError as error:
            self._notes.append(f"{verb} was not possible: {error}.")
            return None

    def _told(self, step: str) -> Callable[[int, int | None], None] | None:
        if self._progress is None:
            return None
        tell = self._progress
        return lambda done, total: tell(step, done, total)

    def _tell(self, step: str) -> None:
        if self._progress is not None:
            self._progress(step, 0, None)


def _measured(found: Findings, report: ShiftReport) -> Findings:
    """Findings with the shift that was measured, and what it makes of their severity.

    Of several norm layers that one is told which moves most.
    """
    shifts = {layer.path: layer.shift for layer in report if layer.shift > 0}

    def judged(each: Finding) -> Finding:
        known = [shifts[path] for path in each.layers if path in shifts]
        if each.shift is None or not known:
            return each
        worst = max(known, key=lambda shift: abs(math.log(shift)))
        return replace(each, shift=worst, severity=severity(worst))

    return replace(found, found=tuple(map(judged, found))).worst_first()


def _halves(
    batches: Iterable[object], limit: int | None
) -> tuple[Iterable[object], Iterable[object]] | None:
    """Every other batch, and the rest; `None` where there is only one."""
    held = _held(batches, limit)
    if held is None:
        return _EveryOther(batches, 0, limit), _EveryOther(batches, 1, limit)
    return (held[::2], held[1::2]) if len(held) > 1 else None


def _held(batches: Iterable[object], limit: int | None) -> list[object] | None:
    """The batches, if they are few enough to keep and can be read."""
    held: list[object] = []
    size = 0
    try:
        for batch in itertools.islice(batches, limit):
            size += _bytes(batch)
            if size > _HELD:
                return None
            held.append(batch)
    except Exception:  # noqa: BLE001 - whoever reads them next says what is wrong with them
        return None
    return held


def _bytes(batch: object) -> int:
    """What the tensors of a batch take."""
    if isinstance(batch, Mapping):
        return sum(map(_bytes, batch.values()))
    if isinstance(batch, tuple | list):
        return sum(map(_bytes, batch))
    size = getattr(batch, "nbytes", None)
    shape = getattr(batch, "shape", ())
    return size if isinstance(size, int) else 8 * math.prod(map(int, shape))


@dataclass(frozen=True)
class _EveryOther:
    """Every other of some batches, read anew each time."""

    batches: Iterable[object]
    first: int
    limit: int | None

    def __iter__(self) -> Iterator[object]:
        return itertools.islice(self.batches, self.first, self.limit, 2)
