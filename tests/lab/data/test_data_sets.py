"""The real data sets against published facts, and the registry's own rules."""

import gzip
import hashlib
import pkgutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from normdrop.errors import DataError
from normdrop.lab import data
from normdrop.lab.data import sets

MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


def test_every_file_in_the_registry_is_registered() -> None:
    """Each module in sets/ is a source of its own name, complete enough to be fetched and cited."""
    modules = [module.name for module in pkgutil.iter_modules(sets.__path__)]
    assert len(modules) == len(data.names()) == 6
    for module in modules:
        source = data.source(module.replace("_", "-"))
        assert source.name == module.replace("_", "-")
        assert source.citation
        assert source.title
        assert (source.task == "classification") == (source.classes is not None)
        assert bool(source.parts) == bool(source.downloads)
        for download in source.downloads:
            assert len(bytes.fromhex(download.sha256)) == 32
            assert len(download.mirrors) >= 2
            assert all(mirror.endswith(download.file) for mirror in download.mirrors)
            assert download.size > 0


def test_an_unknown_name_proposes_the_nearest() -> None:
    """A wrong name raises DataError that names the nearest right one."""
    with pytest.raises(
        DataError, match=r"unknown data set 'fashion_mnist': did you mean 'fashion-mnist'"
    ):
        data.load("fashion_mnist")
    with pytest.raises(DataError, match=r"'zzz': There are cifar-10, concrete"):
        data.load("zzz")


def test_digits_are_scikit_learns() -> None:
    """Every digit occurs once, its counts of 0 to 16 spread over 0 to 255, a fifth held out."""
    digits = data.load("digits")
    counts, labels = load_digits(return_X_y=True)
    images = np.concatenate([digits.train.inputs, digits.test.inputs])
    targets = np.concatenate([digits.train.targets, digits.test.targets])
    assert images.max() == 255
    restored = images.reshape(-1, 64) / 255 * 16
    assert np.abs(restored - restored.round()).max() < 0.04
    ours = sorted(
        (*row, label)
        for row, label in zip(restored.round().tolist(), targets.tolist(), strict=True)
    )
    theirs = sorted(
        (*row, label) for row, label in zip(counts.tolist(), labels.tolist(), strict=True)
    )
    assert ours == theirs
    for number in range(10):
        total = int((labels == number).sum())
        assert int((digits.test.targets == number).sum()) == total // 5
    assert digits.checksum == data.load("digits").checksum


def test_mnist_is_the_well_known_one(data_folder: Path) -> None:
    """The md5s of the files, counts of every digit, and the published mean and deviation."""
    for name, md5 in MD5.items():
        stored = (data_folder / "mnist" / name).read_bytes()
        assert hashlib.md5(stored, usedforsecurity=False).hexdigest() == md5
    mnist = data.load("mnist", folder=data_folder)
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist.train.targets).tolist() == train
    assert np.bincount(mnist.test.targets).tolist() == test
    assert round(float(mnist.train.inputs.mean()) / 255, 4) == 0.1307
    assert round(float(mnist.train.inputs.std()) / 255, 4) == 0.3081
    assert mnist.train.targets[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    raw = gzip.decompress((data_folder / "mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    assert int(mnist.test.inputs.sum(dtype=np.int64)) == sum(raw[16:])
    assert mnist.test.inputs[7].tobytes() == raw[16 + 7 * 784 : 16 + 8 * 784]


def test_fashion_mnist(data_folder: Path) -> None:
    """Balanced classes and the published mean and deviation."""
    fashion = data.load("fashion-mnist", folder=data_folder)
    assert np.bincount(fashion.train.targets).tolist() == [6000] * 10
    assert np.bincount(fashion.test.targets).tolist() == [1000] * 10
    assert round(float(fashion.train.inputs.mean()) / 255, 4) == 0.2860
    assert round(float(fashion.train.inputs.std()) / 255, 4) == 0.3530


def test_cifar_10_says_what_is_inexact(data_folder: Path, tmp_path: Path) -> None:
    """Published means; the note stands with this copy however it is compressed, and only then."""
    cifar = data.load("cifar-10", folder=data_folder)
    assert np.bincount(cifar.train.targets).tolist() == [5000] * 10
    assert np.bincount(cifar.test.targets).tolist() == [1000] * 10
    means = cifar.train.inputs.mean(axis=(0, 2, 3)) / 255
    assert np.abs(means - (0.4914, 0.4822, 0.4465)).max() < 1e-4
    assert cifar.notes == ("94 of the 60000 images come from JPEG copies; the rest are exact",)
    batches = zip(
        [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"],
        np.split(np.concatenate([cifar.train.inputs, cifar.test.inputs]), 6),
        np.split(np.concatenate([cifar.train.targets, cifar.test.targets]), 6),
        strict=True,
    )
    records = {
        name: np.column_stack([labels.astype(np.uint8), images.reshape(len(images), -1)])
        for name, images, labels in batches
    }
    for name, record in records.items():
        (tmp_path / name).write_bytes(record.tobytes())
    plain = data.load("cifar-10", folder=tmp_path)
    assert plain.notes == cifar.notes
    assert plain.checksum == cifar.checksum
    for name, record in records.items():
        (tmp_path / name).write_bytes(record[:100].tobytes())
    other = data.load("cifar-10", folder=tmp_path)
    assert other.notes == ()
    assert other.checksum != cifar.checksum


def test_wine(data_folder: Path) -> None:
    """1599 wines graded 3 to 8, as the paper counts them; no wine on both sides."""
    wine = data.load("wine", folder=data_folder)
    grades = np.concatenate([wine.train.targets, wine.test.targets])
    assert np.bincount(grades.astype(int), minlength=9)[3:].tolist() == [10, 53, 681, 638, 199, 18]
    assert wine.train.inputs.dtype == wine.train.targets.dtype == np.float32
    assert wine.train.inputs[0].tolist() == pytest.approx(
        [7.4, 0.7, 0, 1.9, 0.076, 11, 34, 0.9978, 3.51, 0.56, 9.4]
    )
    assert not {tuple(row) for row in wine.train.inputs} & {tuple(row) for row in wine.test.inputs}


def test_concrete(data_folder: Path) -> None:
    """1030 mixtures with strengths from 2.33 to 82.6 MPa, mean 35.8, as the source states."""
    concrete = data.load("concrete", folder=data_folder)
    strengths = np.concatenate([concrete.train.targets, concrete.test.targets])
    assert len(strengths) == 1030
    assert float(strengths.min()) == pytest.approx(2.33)
    assert float(strengths.max()) == pytest.approx(82.6)
    assert float(strengths.mean()) == pytest.approx(35.82, abs=0.01)


@pytest.mark.parametrize("name", ["concrete", "digits", "fashion-mnist", "mnist", "wine"])
def test_the_registry_states_the_real_sizes(name: str, data_folder: Path) -> None:
    """Shape, sizes and classes in the registry are those of the files."""
    source, loaded = data.source(name), data.load(name, folder=data_folder)
    assert source.shape == loaded.shape
    assert source.sizes == (len(loaded.train), len(loaded.test))
    if source.classes:
        assert set(loaded.train.targets.tolist()) == set(range(source.classes))
    assert loaded.train.inputs.flags.writeable
