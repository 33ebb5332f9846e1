"""One metric with dropout on and off, by batch and by running statistics, in one reading."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from normdrop.shifts.report import ModeTable, StatisticsState
from normdrop.shifts.stream._batches import Batch
from normdrop.shifts.stream._metric import MetricMean, metric_name
from normdrop.shifts.stream._statistics import Facts, NormMode, Record
from normdrop.shifts.stream._stored_statistics import (
    AGREE,
    OUTPUT_NOISE,
    AskFit,
    Evidence,
    diagnosed,
)

_SAME = 1e-3
"""Metrics that differ by less, relatively, are the same."""

RecordT = TypeVar("RecordT", bound=Record[Any])


@dataclass(frozen=True)
class Mode(Generic[RecordT]):
    """One of the four: whether dropout is on, what norm layers go by, and what was found."""

    dropout: bool
    norm: NormMode
    record: RecordT
    metric: MetricMean


class FourModes(Generic[RecordT]):
    """Runs every batch in all four modes, so that batches that can be read only once will do.

    Args:
        metric: See `normdrop.measure`.
        by_running: Makes what records, and answers, norm calls in the modes by running statistics.
        by_batch: The same for those by batch statistics.
        run: Calls the model with a batch in a mode and returns its outputs; noise that depends on
            nothing but the batch's number.
    """

    def __init__(
        self,
        metric: object,
        by_running: Callable[[], RecordT],
        by_batch: Callable[[], RecordT],
        run: Callable[[Mode[RecordT], Batch], Any],
    ) -> None:
        self._name = metric_name(metric)
        self._run = run
        self._batches = 0
        self.eval = Mode(
            dropout=False, norm="running", record=by_running(), metric=MetricMean(metric)
        )
        self._off = Mode(dropout=False, norm="batch", record=by_batch(), metric=MetricMean(metric))
        self._on = Mode(
            dropout=True, norm="running", record=by_running(), metric=MetricMean(metric)
        )
        self._train = Mode(dropout=True, norm="batch", record=by_batch(), metric=MetricMean(metric))

    def add(self, batch: Batch) -> None:
        """Run one batch four times."""
        self._batches += 1
        for mode in (self.eval, self._off, self._on, self._train):
            mode.record.batch = batch.number
            mode.metric.add(self._run(mode, batch), batch)

    def table(self, facts: Facts, fitting: AskFit) -> tuple[ModeTable, tuple[StatisticsState, ...]]:
        """The four values and what explains their difference, in words and by name.

        Args:
            facts: What the model says of its norm layers.
            fitting: As for `diagnosed`.
        """
        eval_mode, on = self.eval.metric.value(), self._on.metric.value()
        off, train = self._off.metric.value(), self._train.metric.value()
        evidence = Evidence(
            stored=self.eval.record.stored,
            seen=self.eval.record.seen(),
            off=self._off.record.seen(),
            train=self._train.record.seen(),
            facts=facts,
            examples=self.eval.metric.weight / max(1, self._batches),
            gap=not math.isclose(eval_mode, off, rel_tol=_SAME),
        )
        states = diagnosed(evidence, fitting)
        noisy = eval_mode != on or off != train
        said = tuple(map(str, states)) or (AGREE + (OUTPUT_NOISE if noisy else "."),)
        return ModeTable(self._name, eval_mode, off, on, train, said), states
