"""Small files in the formats of the data sets, written independently of the readers."""

import struct
from pathlib import Path

import numpy as np
import pytest

MNIST_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@pytest.fixture
def small_mnist() -> dict[str, bytes]:
    """The four files of a tiny MNIST: 20 images to train on and 10 to test on."""
    generator = np.random.default_rng(1)
    files = {}
    for images, labels, count in ((*MNIST_NAMES[:2], 20), (*MNIST_NAMES[2:], 10)):
        header = struct.pack(">BBBBIII", 0, 0, 8, 3, count, 28, 28)
        files[images] = header + generator.bytes(count * 28 * 28)
        files[labels] = struct.pack(">BBBBI", 0, 0, 8, 1, count) + bytes(
            number % 10 for number in range(count)
        )
    return files


@pytest.fixture
def small_cifar() -> dict[str, bytes]:
    """The six batches of a tiny CIFAR-10: four records each."""
    generator = np.random.default_rng(2)
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    return {
        name: b"".join(bytes([row]) + generator.bytes(3072) for row in range(4)) for name in names
    }


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a cache of its own, and no data folder unless it sets one."""
    monkeypatch.setenv("NORMDROP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NORMDROP_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
