"""One metric with dropout on and off, by batch and by running statistics, in one reading."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from normdrop.shifts.report import ModeTable
from normdrop.shifts.stream._batches import Batch
from normdrop.shifts.stream._explain import Evidence, Fitting, explained
from normdrop.shifts.stream._metric import MetricMean, metric_name
from normdrop.shifts.stream._statistics import Record

NormMode: TypeAlias = Literal["running", "batch"]
"""Whether a norm layer goes by its running statistics or by its batch's."""

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
        for mode in (self.eval, self._off, self._on, self._train):
            mode.record.batch = batch.number
            mode.metric.add(self._run(mode, batch), batch)

    def table(self, memory: Mapping[str, float], fitting: Fitting, *, unbiased: bool) -> ModeTable:
        """The four values and what explains their difference.

        Args:
            memory: As in `Evidence`.
            fitting: As for `explained`.
            unbiased: As in `Evidence`.
        """
        evidence = Evidence(
            stored=self.eval.record.stored,
            off=self._off.record.seen(),
            train=self._train.record.seen(),
            memory=memory,
            unbiased=unbiased,
        )
        return ModeTable(
            self._name,
            eval_mode=self.eval.metric.value(),
            batch_statistics=self._off.metric.value(),
            dropout_on=self._on.metric.value(),
            train_mode=self._train.metric.value(),
            explanations=explained(evidence, fitting),
        )
