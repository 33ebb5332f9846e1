"""One metric with dropout on and off, by batch and by running statistics, in one reading."""

from dataclasses import dataclass

import torch
from torch import nn

from normdrop.shift import ModeTable
from normdrop.torch._switches import NormMode, Switches
from normdrop.torch._untouched import cuda_devices
from normdrop.torch.measure._explain import Evidence, explained
from normdrop.torch.stream import (
    Batch,
    BatchRecorder,
    Listener,
    MetricMean,
    Recorder,
    metric_name,
)


@dataclass(frozen=True)
class _Mode:
    """One of the four: its switches, its metric and who answers its norm calls."""

    norm: NormMode
    recorder: Recorder
    metric: MetricMean
    dropout: bool


class FourModes:
    """Runs every batch in all four modes, so that batches that can be read only once will do.

    Modes with dropout on draw the same noise. Running statistics are read, never updated.
    """

    def __init__(self, model: nn.Module, metric: object, listener: Listener) -> None:
        self._model = model
        self._name = metric_name(metric)
        self._listener = listener
        self._switches = Switches(model)
        self._devices = cuda_devices(model)
        self.eval = _Mode("running", Recorder(), MetricMean(metric), dropout=False)
        self._off = _Mode("batch", BatchRecorder(self._switches), MetricMean(metric), dropout=False)
        self._on = _Mode("running", Recorder(), MetricMean(metric), dropout=True)
        self._train = _Mode(
            "batch", BatchRecorder(self._switches), MetricMean(metric), dropout=True
        )

    def add(self, batch: Batch) -> None:
        """Run one batch four times."""
        for mode in (self.eval, self._off, self._on, self._train):
            self._switches.set(dropout=mode.dropout, norm=mode.norm)
            mode.recorder.batch = batch.number
            # The loader's own draws must not depend on ours.
            with torch.random.fork_rng(self._devices):
                torch.manual_seed(batch.number)
                outputs = self._listener.run(batch, mode.recorder.answer)
            mode.metric.add(outputs, batch)

    def table(self, sample: Batch) -> ModeTable:
        """The four values and what explains their difference."""
        evidence = Evidence(
            stored=self.eval.recorder.stored,
            off=self._off.recorder.seen(),
            train=self._train.recorder.seen(),
        )
        words = explained(self._model, evidence, sample.arguments)
        return ModeTable(
            self._name,
            eval_mode=self.eval.metric.value(),
            batch_statistics=self._off.metric.value(),
            dropout_on=self._on.metric.value(),
            train_mode=self._train.metric.value(),
            explanations=words,
        )
