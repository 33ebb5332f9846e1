"""What the monitor writes can be read back from TensorBoard's own files."""

from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from normdrop.torch import ShiftMonitor


def test_scalars_are_read_back(tmp_path: Path) -> None:
    """Every shift stands under its layer's name, at its step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
    with (
        SummaryWriter(str(tmp_path)) as writer,
        ShiftMonitor(model, every=5, warn=False, writer=writer) as monitor,
    ):
        for _ in range(10):
            model(torch.randn(64, 4))
            monitor.step()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"shift/2", "mean_shift/2"}
    read = events.Scalars("shift/2")
    assert [event.step for event in read] == [5, 10]
    assert [event.value for event in read] == pytest.approx(monitor.history.shifts["2"])
