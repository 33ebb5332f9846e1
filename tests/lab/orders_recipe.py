"""A recipe for tests: three parts in any order, on rows of eight numbers."""

from collections.abc import Mapping

from torch import nn

from normdrop.lab.recipe import Recipe, Shape
from normdrop.lab.trial import Setting
from normdrop.torch import Block


def _network(
    variant: str, shape: Shape, classes: int, settings: Mapping[str, Setting]
) -> nn.Module:
    del settings
    block = Block(variant, shape[0] * shape[1] * shape[2], 16)
    return nn.Sequential(nn.Flatten(), block, nn.Linear(16, classes))


RECIPE = Recipe(
    name="orders",
    variants=("linear-bn-act", "linear-act-bn"),
    data="digits",
    seeds=2,
    settings={"epochs": 3, "batch_size": 64, "learning_rate": 1e-2, "limit_train": 100},
    network=_network,
    any_order=True,
    dimensions=3,
)
