"""The augmentation of the CIFAR literature: a random crop of the padded image, mirrored or not."""

import torch
from torch import Tensor
from torch.nn import functional

_PADDING = 4


def pad_crop_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Pad by 4 with zeros, cut the image's own size out anywhere, and mirror every other one.

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
