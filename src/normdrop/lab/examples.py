"""Examples on a device, as they are stored: images stay bytes until their batch is due."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from normdrop.lab.data import Split

_IMAGE = 4  # axes of a batch of images
_PADDING = 4  # pixels that the literature of CIFAR adds on each side


@dataclass(frozen=True)
class Scale:
    """Mean 0 and deviation 1 over the examples it was taken from, feature by feature."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, values: Tensor) -> "Scale":
        """The scale of values of shape (N,) or (N, features); a constant feature keeps its unit."""
        deviation, mean = torch.std_mean(values.double(), dim=0, correction=0)
        return cls(mean, deviation.where(deviation > 0, torch.ones_like(deviation)))

    def __call__(self, values: Tensor) -> Tensor:
        """Values of the same features, in deviations from the mean; bytes become float32."""
        kind = values.dtype if values.is_floating_point() else torch.float32
        return ((values - self.mean) / self.deviation).to(kind)


@dataclass(frozen=True)
class Examples:
    """Inputs (uint8 images or float32 vectors) and their labels, on one device.

    Images lie in memory with their channels side by side, the layout in which a processor's
    convolutions and poolings are fastest. For a single channel `memory_format` cannot say so: one
    convolution of such images then answers in the other layout, and everything after it is slower.
    """

    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, split: Split, device: torch.device, limit: int | None = None) -> "Examples":
        """The first `limit` examples of a split (all by default), on `device`."""
        inputs = torch.from_numpy(split.inputs[:limit])
        if inputs.ndim == _IMAGE:
            # Not contiguous(): with one channel that finds nothing to do and keeps odd strides.
            inputs = inputs.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
        return cls(inputs.to(device), torch.from_numpy(split.targets[:limit]).to(device))

    def __len__(self) -> int:
        """How many there are."""
        return len(self.targets)

    def first(self, count: int) -> "Examples":
        """The first `count` examples, or all if there are fewer."""
        return Examples(self.inputs[:count], self.targets[:count])

    def batch_count(self, size: int) -> int:
        """How many batches of `size` there are."""
        return sum(1 for _ in _bounds(len(self), size))

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of `size` as they stand; the last may be smaller, or have one more."""
        for bounds in _bounds(len(self), size):
            yield self._batch(bounds)

    def shuffled_batches(
        self, size: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches like those of `batches`, in an order drawn from `generator`."""
        order = torch.randperm(len(self), generator=generator).to(self.targets.device)
        for bounds in _bounds(len(self), size):
            yield self._batch(order[bounds])

    def scaled(self, inputs: "Scale | None", targets: "Scale | None") -> "Examples":
        """The same with inputs, targets or both in the units of a scale."""
        return Examples(
            self.inputs if inputs is None else inputs(self.inputs),
            self.targets if targets is None else targets(self.targets),
        )

    def _batch(self, which: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Bytes as numbers in [0, 1], floats as they are; images as (N, C, H, W)."""
        inputs = self.inputs[which]
        if inputs.dtype == torch.uint8:
            inputs = inputs.to(torch.float32).div_(255)
        if inputs.ndim == _IMAGE:
            inputs = inputs.permute(0, 3, 1, 2)
        return inputs, self.targets[which]


def _bounds(count: int, size: int) -> Iterator[slice]:
    """Where batches begin and end; one example that is left over joins the batch before it.

    Alone it has no variance, and batch norm of vectors refuses it.
    """
    starts = list(range(0, count, size))
    if size > 1 and len(starts) > 1 and count % size == 1:
        starts.pop()
    for start, stop in zip(starts, [*starts[1:], count], strict=True):
        yield slice(start, stop)


def pad_crop_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Pad by 4 with zeros, cut the image's own size out anywhere, and mirror every other one.

    It is how the literature augments CIFAR.

    Args:
        images: Shape (N, C, H, W).
        generator: A generator on the CPU; the device of the images does not matter.

    Returns:
        Images of the same shape.

    >>> moved = pad_crop_flip(torch.ones(2, 1, 8, 8), torch.Generator().manual_seed(0))
    >>> moved.shape, bool((moved.sum((1, 2, 3)) <= 64).all())
    (torch.Size([2, 1, 8, 8]), True)
    """
    count, _, height, width = images.shape
    offsets = torch.randint(0, 2 * _PADDING + 1, (2, count), generator=generator)
    mirrored = torch.rand(count, generator=generator) < 1 / 2
    offsets = offsets.to(images.device, non_blocking=True)
    mirrored = mirrored.to(images.device, non_blocking=True)
    padded = functional.pad(images, [_PADDING] * 4).permute(0, 2, 3, 1)
    rows = offsets[0, :, None] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device).expand(count, width)
    columns = offsets[1, :, None] + torch.where(mirrored[:, None], columns.flip(1), columns)
    every = torch.arange(count, device=images.device)[:, None, None]
    return padded[every, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
