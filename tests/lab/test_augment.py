"""Augmentation against one image at a time, cut out by hand."""

import torch
from torch.nn import functional

from normdrop.lab.augment import pad_crop_flip


def test_every_image_is_a_mirrored_or_plain_crop() -> None:
    """Each result is one of the 2 · 9 · 9 crops of its padded image, and the choice varies."""
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
