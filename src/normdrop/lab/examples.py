"""Examples on a device, as they are stored: images stay bytes until their batch is due."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from normdrop.lab.data import Split


@dataclass(frozen=True)
class Examples:
    """Inputs (uint8 images or float32 vectors) and their labels, on one device."""

    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, split: Split, device: torch.device, limit: int | None = None) -> "Examples":
        """The first `limit` examples of a split (all by default), on `device`."""
        return cls(
            torch.from_numpy(split.inputs[:limit]).to(device),
            torch.from_numpy(split.targets[:limit]).to(device),
        )

    def __len__(self) -> int:
        """How many there are."""
        return len(self.targets)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self.inputs.shape[1:])

    def first(self, count: int) -> "Examples":
        """The first `count` examples, or all if there are fewer."""
        return Examples(self.inputs[:count], self.targets[:count])

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of `size` as they stand; the last may be smaller."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield _floats(self.inputs[part]), self.targets[part]

    def shuffled_batches(
        self, size: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of `size` in an order drawn from `generator`; the last may be smaller."""
        order = torch.randperm(len(self), generator=generator).to(self.targets.device)
        for start in range(0, len(self), size):
            part = order[start : start + size]
            yield _floats(self.inputs[part]), self.targets[part]


def _floats(inputs: Tensor) -> Tensor:
    """Bytes as numbers in [0, 1]; floats as they are."""
    return inputs.to(torch.float32).div_(255) if inputs.dtype == torch.uint8 else inputs
