"""The callback at work in Lightning's own trainer."""

import csv
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from normdrop.torch.monitor.lightning import ShiftCallback


class _Module(LightningModule):
    """A network inside a module that is never called itself, as many are written."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.5), nn.BatchNorm1d(16))
        self.head = nn.Linear(16, 1)
        self.failing = False

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        if self.failing:
            raise ArithmeticError("enough")
        loss: Tensor = self.head(self.net(batch[0])).square().mean()
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.01)


def _trainer(folder: Path, *callbacks: ShiftCallback, accumulate: int = 1) -> Trainer:
    return Trainer(
        max_epochs=1,
        accelerator="cpu",
        callbacks=list(callbacks),
        logger=CSVLogger(folder),
        accumulate_grad_batches=accumulate,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )


def _fit(folder: Path, *callbacks: ShiftCallback, accumulate: int = 1) -> _Module:
    torch.manual_seed(0)
    model = _Module()
    data = TensorDataset(torch.randn(24 * 64, 4))
    _trainer(folder, *callbacks, accumulate=accumulate).fit(model, DataLoader(data, batch_size=64))
    return model


@pytest.mark.filterwarnings("ignore:.*num_workers.*", "ignore:.*LeafSpec.*:FutureWarning")
class TestCallback:
    """Measured in steps of the optimizer, logged, and unnoticed by the training."""

    def test_logs_to_the_trainers_loggers(self, tmp_path: Path) -> None:
        """The CSV logger's file has the shift at every tenth step, as the history has."""
        callback = ShiftCallback(every=10, warn=False)
        _fit(tmp_path, callback)
        assert callback.history.steps == (10, 20)
        (file,) = tmp_path.rglob("metrics.csv")
        with file.open(encoding="utf-8") as lines:
            rows = [row for row in csv.DictReader(lines) if row["shift/net.2"]]
        assert [int(row["step"]) for row in rows] == [10, 20]
        logged = [float(row["shift/net.2"]) for row in rows]
        assert logged == pytest.approx(callback.history.shifts["net.2"])

    def test_counts_steps_of_the_optimizer(self, tmp_path: Path) -> None:
        """With gradients accumulated over four batches, 24 batches are six steps."""
        callback = ShiftCallback(every=3, warn=False)
        _fit(tmp_path, callback, accumulate=4)
        assert callback.history.steps == (3, 6)

    def test_training_does_not_notice(self, tmp_path: Path) -> None:
        """The weights are those of training without the callback, bit for bit."""
        plain = _fit(tmp_path / "plain").state_dict()
        watched = _fit(tmp_path / "watched", ShiftCallback(every=2, warn=False)).state_dict()
        assert all(torch.equal(plain[name], watched[name]) for name in plain)

    def test_a_failed_training_leaves_no_hook(self, tmp_path: Path) -> None:
        """An exception in the training step ends the watch."""
        model = _Module()
        model.failing = True
        data = DataLoader(TensorDataset(torch.randn(64, 4)), batch_size=64)
        with pytest.raises(ArithmeticError):
            _trainer(tmp_path, ShiftCallback(every=1)).fit(model, data)
        assert all(not module._forward_pre_hooks for module in model.modules())  # noqa: SLF001
