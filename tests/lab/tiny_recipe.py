"""A recipe for tests: networks that train in a moment, and some that go wrong."""

import os
import signal
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from normdrop.lab.recipe import Recipe, Shape
from normdrop.lab.trial import Setting


class _Fault(nn.Module):
    """Does what the variant says, in train mode."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        """Raise, die, or give back `x`, not finite if that is the fault."""
        if self.kind == "raises":
            message = "the network's own words"
            raise RuntimeError(message)
        if self.kind == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        return x * torch.nan if self.kind == "diverges" else x


def _network(
    variant: str, shape: Shape, classes: int, settings: Mapping[str, Setting]
) -> nn.Module:
    del settings
    features = torch.Size(shape).numel()
    hidden = nn.Linear(features, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2)
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(32, classes), _Fault(variant))


RECIPE = Recipe(
    name="tiny",
    version=1,
    title="Tiny",
    question="Does the lab stand faults?",
    source="the tests",
    variants=("plain", "other", "diverges", "raises", "dies"),
    baseline="plain",
    data="digits",
    seeds=2,
    settings={"epochs": 2, "batch_size": 64, "learning_rate": 1e-3},
    network=_network,
    dimensions=3,
)
