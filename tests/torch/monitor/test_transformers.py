"""The callback at work in the Hugging Face trainer, with one of its own models."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import ResNetConfig, ResNetForImageClassification, Trainer, TrainingArguments

from normdrop.torch.monitor.transformers import ShiftCallback


class _Images(Dataset[dict[str, Tensor]]):
    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if index >= len(self):
            raise IndexError(index)
        image = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(index))
        return {"pixel_values": image, "labels": torch.tensor(index % 2)}


def _model() -> nn.Module:
    torch.manual_seed(0)
    settings = ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic"
    )
    model: nn.Module = ResNetForImageClassification(settings)
    return model


def _train(folder: Path, *callbacks: ShiftCallback) -> Trainer:
    settings = TrainingArguments(
        output_dir=str(folder),
        max_steps=12,
        per_device_train_batch_size=16,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    trainer = Trainer(_model(), settings, train_dataset=_Images(), callbacks=list(callbacks))
    trainer.train()
    return trainer


def _trained(trainer: Trainer) -> nn.Module:
    assert isinstance(trainer.model, nn.Module)
    return trainer.model


def test_stands_in_the_trainers_log(tmp_path: Path) -> None:
    """Every norm layer's shift is logged at the measured steps, as the history has it."""
    callback = ShiftCallback(every=6, warn=False)
    trainer = _train(tmp_path, callback)
    rows = [row for row in trainer.state.log_history if any("shift/" in name for name in row)]
    assert [row["step"] for row in rows] == [6, 12]
    norms = {name for name, m in _trained(trainer).named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert callback.history.last.keys() == norms
    for path, values in callback.history.shifts.items():
        assert [row[f"shift/{path}"] for row in rows] == pytest.approx(values)


def test_training_does_not_notice(tmp_path: Path) -> None:
    """The weights are those of training without the callback, bit for bit."""
    plain = _trained(_train(tmp_path / "plain")).state_dict()
    callback = ShiftCallback(every=2, warn=False)
    watched = _trained(_train(tmp_path / "watched", callback)).state_dict()
    assert all(torch.equal(plain[name], watched[name]) for name in plain)
