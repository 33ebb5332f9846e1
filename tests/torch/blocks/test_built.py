"""What blocks are made of and compute, held to what they were when `built.json` was written.

Keys, printed form, outputs and noise are promises: files and seeds of old models go by them.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from normdrop.errors import NormdropError
from normdrop.torch import Block, Dropout, GaussianDropout, Head, ResidualBlock, UniformDropout

KEPT = json.loads(Path(__file__).with_name("built.json").read_text())
NAMES = {
    **{kind.__name__: kind for kind in (Block, Head, ResidualBlock)},
    **{kind.__name__: kind for kind in (Dropout, GaussianDropout, UniformDropout)},
    "torch": torch,
}


def made(call: str) -> nn.Module:
    """What a call makes."""
    return eval(call, NAMES)  # type: ignore[no-any-return]  # noqa: S307 - the calls are in our file


def described(call: str) -> dict[str, Any]:
    """Printed form, keys with shapes, layers, and sums of outputs in both modes."""
    block = made(call)
    for number, weight in enumerate(block.parameters()):
        units = torch.arange(weight.numel(), dtype=weight.dtype) + number
        weight.data = torch.sin(units).reshape(weight.shape) / 3
    channels, dimensions = entering(call)
    shape = (4, channels, *[12] * dimensions)
    x = torch.linspace(-1, 1, torch.Size(shape).numel()).reshape(shape)
    torch.manual_seed(1)
    return {
        "repr": repr(block),
        "keys": {name: list(value.shape) for name, value in block.state_dict().items()},
        "layers": [
            f"{path}: {type(each).__name__}" for path, each in block.named_modules() if path
        ],
        "outputs": [*sums(block.train()(x)), *sums(block.eval()(x))],
    }


def entering(call: str) -> tuple[int, int]:
    """The channels that a block takes, and the axes of positions."""
    words = call.partition("(")[2].rstrip(")").split(", ")
    first = words[1] if call.startswith("Block") else words[0]
    if "dimensions=" in call:
        return int(first), int(call.partition("dimensions=")[2][0])
    return int(first), 0 if "linear" in words[0] else 2


def sums(outputs: torch.Tensor) -> list[float]:
    """Sum and sum of squares."""
    values = outputs.detach().double()
    return [float(values.sum()), float(values.square().sum())]


def refusal(call: str) -> str:
    """The error that a call raises."""
    with pytest.raises(NormdropError) as caught:
        made(call)
    return f"{caught.type.__name__}: {caught.value}"


def mask_digest(kind: type[Any], along: str) -> str:
    """A digest of the noise that a layer draws from seed 3, to the last bit."""
    torch.manual_seed(3)
    mask = kind(0.3, along=along)(torch.ones(5, 7, 11, 3))
    return hashlib.sha256(mask.numpy().tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("call", KEPT["built"])
def test_block_is_what_it_was(call: str) -> None:
    """Printed form, keys, shapes and layers are equal, outputs within the rounding of float32."""
    kept, now = KEPT["built"][call], described(call)
    assert now.pop("outputs") == pytest.approx(kept.pop("outputs"), rel=1e-4, abs=1e-3)
    assert now == kept
    assert list(now["keys"]) == list(kept["keys"])


@pytest.mark.parametrize("call", KEPT["refused"])
def test_wrong_call_is_refused_in_the_same_words(call: str) -> None:
    """Each wrong argument has its own error."""
    assert refusal(call) == KEPT["refused"][call]


@pytest.mark.parametrize("kind", [Dropout, GaussianDropout, UniformDropout])
@pytest.mark.parametrize("along", ["element", "channel", "sample"])
def test_noise_is_what_it_was(kind: type[Any], along: str) -> None:
    """A seed gives the same mask as ever, bit for bit."""
    assert mask_digest(kind, along) == KEPT["noise"][f"{kind.__name__} {along}"]
