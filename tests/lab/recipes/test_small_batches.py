"""`small-batches`: as many examples at every size, and a learning rate that goes with it."""

import pytest
import torch
from recipe_trials import finished
from torch import nn

from normdrop.lab.recipe_names import find

RECIPE = find("small-batches")


def _settings(panel: str) -> dict[str, object]:
    return dict(RECIPE.settings_for("digits", panel=panel))


def test_every_size_sees_as_many_examples() -> None:
    """Panels differ by the batch size and the learning rate alone, which goes with its root."""
    settings = {panel: _settings(panel) for panel in RECIPE.panels}
    sizes = [each.pop("batch_size") for each in settings.values()]
    rates = [each.pop("learning_rate") for each in settings.values()]
    assert sizes == [1, 2, 4, 16, 64, 256]
    ratios = [rate / size**0.5 for rate, size in zip(rates, sizes, strict=True)]  # type: ignore[operator]
    assert ratios == pytest.approx([0.002 / 32**0.5] * 6)
    assert len({str(each) for each in settings.values()}) == 1


def test_the_variants_differ_by_their_norm() -> None:
    """None, a batch norm or a group norm of four groups behind each convolution."""
    settings = RECIPE.settings_for("digits", panel="batch-1")
    for variant, kind in (("batch norm", nn.BatchNorm2d), ("group norm", nn.GroupNorm)):
        layers = list(RECIPE.build(variant, (1, 8, 8), 10, settings).modules())
        assert sum(isinstance(layer, kind) for layer in layers) == 2
    none = RECIPE.build("none", (1, 8, 8), 10, settings)
    assert not any(isinstance(m, nn.BatchNorm2d | nn.GroupNorm) for m in none.modules())


def test_one_example_gives_group_norm_the_same_in_both_modes() -> None:
    """And batch norm not: alone it is normalised by itself, then by what the others left."""
    settings = RECIPE.settings_for("digits", panel="batch-1")
    x = torch.rand(1, 1, 8, 8)
    for variant, equal in (("none", True), ("batch norm", False), ("group norm", True)):
        network = RECIPE.build(variant, (1, 8, 8), 10, settings)
        assert torch.allclose(network.train()(x), network.eval()(x), atol=1e-6) is equal


def test_batch_norm_trains_on_one_example_at_a_time() -> None:
    """Its positions are enough for a variance; every number of the table is there."""
    given = {"epochs": 1, "limit_train": 24}
    values = finished("small-batches", "batch norm", given, panel="batch-1").values
    assert {metric.name for metric in (RECIPE.endpoint, *RECIPE.metrics)} <= set(values)
    assert values["price"] != 0
