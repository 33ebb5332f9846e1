"""Real inputs of the family, small: CIFAR-10 and Fashion-MNIST from `NORMDROP_DATA`."""

import gzip
import lzma
import os
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from family.members import IMAGE, SEQUENCE, Member

_COUNT = 20_000


def examples(member: Member) -> tuple[Tensor, Tensor]:
    """Standardised inputs of the member's shape, and their labels."""
    if member.shape == IMAGE:
        return _cifar()
    images, labels = _fashion()
    if member.shape == SEQUENCE:
        return images.squeeze(1), labels
    return _standardise(functional.avg_pool2d(images, 2)), labels


@cache
def _cifar() -> tuple[Tensor, Tensor]:
    records = []
    for number in (1, 2):
        packed = (_folder() / "cifar-10" / f"data_batch_{number}.bin.xz").read_bytes()
        records.append(np.frombuffer(lzma.decompress(packed), np.uint8).reshape(-1, 3073))
    table = np.concatenate(records)[:_COUNT]
    pixels = torch.from_numpy(table[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32))
    return _standardise(functional.avg_pool2d(pixels, 2)), torch.from_numpy(
        table[:, 0].astype(np.int64)
    )


@cache
def _fashion() -> tuple[Tensor, Tensor]:
    folder = _folder() / "fashion-mnist"
    pixels = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())
    images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 1, 28, 28)[:_COUNT]
    targets = np.frombuffer(labels, np.uint8, offset=8)[:_COUNT].astype(np.int64)
    return _standardise(torch.from_numpy(images.astype(np.float32))), torch.from_numpy(targets)


def _standardise(images: Tensor) -> Tensor:
    mean = images.mean((0, 2, 3), keepdim=True)
    return (images - mean) / images.std((0, 2, 3), keepdim=True)


def _folder() -> Path:
    return Path(os.environ["NORMDROP_DATA"])
