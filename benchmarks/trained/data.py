"""Real data in the shapes that the networks take."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from normdrop.lab.data import load as load_data

_ROWS = 6000
_TESTED = 2000


@dataclass(frozen=True)
class Data:
    """Rows to train on and rows to judge by.

    Attributes:
        inputs: Of training.
        targets: Classes as int64, or float32 values of variance 1.
        test_inputs: Of judging.
        test_targets: Same.
    """

    inputs: Tensor
    targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor

    @property
    def regression(self) -> bool:
        """Whether targets are values."""
        return self.targets.is_floating_point()


@cache
def load(name: str) -> Data:
    """Data by name; `-raw` in the units of the source."""
    base, _, raw = name.partition("-")
    source = {
        "cifar": "cifar-10",
        "fashion": "fashion-mnist",
        "rows": "fashion-mnist",
        "patches": "fashion-mnist",
        "volumes": "mnist",
        "wine": "wine",
        "concrete": "concrete",
    }[base]
    found = load_data(source)
    x, y = np.asarray(found.train.inputs[:_ROWS]), found.train.targets[:_ROWS]
    u, v = np.asarray(found.test.inputs[:_TESTED]), found.test.targets[:_TESTED]
    inputs, test = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(u.astype(np.float32))
    targets, wanted = torch.from_numpy(y.copy()), torch.from_numpy(v.copy())
    if targets.is_floating_point():
        centre, scale = targets.mean(), targets.std()
        targets, wanted = (targets - centre) / scale, (wanted - centre) / scale
    inputs, test = (_shaped(base, each) for each in (inputs, test))
    if not raw:
        centre, scale = inputs.mean(), inputs.std()
        inputs, test = (inputs - centre) / scale, (test - centre) / scale
    return Data(inputs, targets, test, wanted)


def _shaped(base: str, x: Tensor) -> Tensor:
    if base == "rows":
        return x[:, 0]
    if base == "cifar":
        return x
    if base == "patches":  # 49 patches of 16 pixels
        return functional.unfold(x, 4, stride=4).transpose(1, 2).contiguous()
    if base == "volumes":  # a digit that moves through the slices
        small = functional.avg_pool2d(x, 2)[:, 0, 1:13, 1:13]
        return torch.stack([small.roll(step // 3 - 2, 2) for step in range(12)], 2)[:, None]
    return x
