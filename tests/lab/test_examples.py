"""Examples: what a batch holds and how it lies in memory."""

import numpy as np
import torch
from torch.nn import functional

from normdrop.lab.data import Split
from normdrop.lab.examples import Examples, Scale, pad_crop_flip

CPU = torch.device("cpu")
IMAGES = Split(
    np.random.default_rng(0).integers(0, 256, (32, 1, 28, 26), dtype=np.uint8), np.arange(32)
)


def test_images_are_scaled_and_lie_channels_last() -> None:
    """A batch is the images divided by 255, and a convolution of it answers channels-last."""
    ((inputs, targets),) = Examples.of(IMAGES, CPU).batches(32)
    assert np.allclose(inputs.numpy(), IMAGES.inputs / 255)
    assert targets.tolist() == list(range(32))
    weight = torch.ones(32, 1, 3, 3).contiguous(memory_format=torch.channels_last)
    outputs = torch.nn.functional.conv2d(inputs, weight)
    assert outputs.is_contiguous(memory_format=torch.channels_last)


def test_vectors_stay_as_they_are() -> None:
    """Float inputs are neither scaled nor moved."""
    table = Split(np.array([[1.5, -300.0]], dtype=np.float32), np.array([0]))
    ((inputs, _),) = Examples.of(table, CPU).batches(4)
    assert inputs.tolist() == [[1.5, -300.0]]


def test_standardised_bytes_are_numbers() -> None:
    """A scale of uint8 features gives mean 0 and deviation 1, not bytes of them."""
    rows = torch.tensor([[0, 200], [4, 100]], dtype=torch.uint8)
    scaled = Scale.of(rows)(rows)
    assert scaled.tolist() == [[-1.0, 1.0], [1.0, -1.0]]


def test_shuffled_batches_hold_every_example_once() -> None:
    """Each pass is a permutation drawn from the generator, inputs and targets together."""
    examples = Examples.of(IMAGES, CPU)

    def targets(seed: int) -> list[int]:
        batches = list(examples.shuffled_batches(12, torch.Generator().manual_seed(seed)))
        assert [len(t) for _, t in batches] == [12, 12, 8]
        for inputs, labels in batches:
            assert np.allclose(inputs.numpy(), IMAGES.inputs[labels.numpy()] / 255)
        return torch.cat([t for _, t in batches]).tolist()

    assert sorted(targets(1)) == list(range(32))
    assert targets(1) == targets(1) != targets(2)


def test_one_example_left_over_joins_the_batch_before_it() -> None:
    """Alone it has no variance; at batches of one, and as a whole, there is nothing to join."""
    for count, size, lengths in (
        (31, 10, [10, 10, 11]),
        (31, 15, [15, 16]),
        (3, 1, [1, 1, 1]),
        (1, 8, [1]),
        (30, 10, [10, 10, 10]),
    ):
        examples = Examples.of(IMAGES, CPU, count)
        order = torch.Generator().manual_seed(0)
        for batches in (examples.batches(size), examples.shuffled_batches(size, order)):
            batch_targets = [targets for _, targets in batches]
            assert [len(targets) for targets in batch_targets] == lengths
            assert sorted(torch.cat(batch_targets).tolist()) == list(range(count))


def test_limit_keeps_the_first() -> None:
    """A limit keeps the first examples, and one beyond the end keeps all."""
    assert Examples.of(IMAGES, CPU, 3).targets.tolist() == [0, 1, 2]
    assert len(Examples.of(IMAGES, CPU, 99)) == len(Examples.of(IMAGES, CPU).first(99)) == 32


def test_every_image_is_a_mirrored_or_plain_crop() -> None:
    """Augmented, each is one of the 2 · 9 · 9 crops of its padded image; the choice varies."""
    images = torch.rand(40, 3, 8, 6, generator=torch.Generator().manual_seed(1))
    moved = pad_crop_flip(images, torch.Generator().manual_seed(0))
    seen = set()
    for image, result in zip(functional.pad(images, [4] * 4), moved, strict=True):
        crops = {
            (top, left, mirrored): crop.flip(2) if mirrored else crop
            for top in range(9)
            for left in range(9)
            for mirrored in (False, True)
            for crop in [image[:, top : top + 8, left : left + 6]]
        }
        found = [place for place, crop in crops.items() if torch.equal(crop, result)]
        assert found
        seen.add(found[0])
    assert len(seen) > 20
    assert {mirrored for _, _, mirrored in seen} == {False, True}
    again = pad_crop_flip(images, torch.Generator().manual_seed(0))
    assert torch.equal(again, moved)
