"""`ResidualBlock`: its positions, styles and shapes."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from normdrop.errors import NormdropError, UsageError
from normdrop.torch import Dropout, ResidualBlock, UniformDropout

NAMESPACE = {
    "torch": torch,
    "ResidualBlock": ResidualBlock,
    "UniformDropout": UniformDropout,
}

# Written out by hand from the figures of Kim et al.: (style, bottleneck, position) -> branch.
BRANCHES = {
    ("pre", False, "P0"): "bn-act-conv-bn-act-conv",
    ("pre", False, "P1"): "drop-bn-act-conv-bn-act-conv",
    ("pre", False, "P2"): "bn-drop-act-conv-bn-act-conv",
    ("pre", False, "P3"): "bn-act-drop-conv-bn-act-conv",
    ("pre", False, "P4"): "bn-act-conv-drop-bn-act-conv",
    ("pre", False, "P5"): "bn-act-conv-bn-drop-act-conv",
    ("pre", False, "P6"): "bn-act-conv-bn-act-drop-conv",
    ("pre", False, "P7"): "bn-act-conv-bn-act-conv-drop",
    ("pre", True, "P3"): "bn-act-drop-conv-bn-act-conv-bn-act-conv",
    ("pre", True, "P4"): "bn-act-conv-bn-act-conv-drop-bn-act-conv",
    ("pre", True, "P5"): "bn-act-conv-bn-act-conv-bn-drop-act-conv",
    ("pre", True, "P6"): "bn-act-conv-bn-act-conv-bn-act-drop-conv",
    ("post", False, "P0"): "conv-bn-act-conv-bn",
    ("post", False, "P1"): "conv-drop-bn-act-conv-bn",
    ("post", False, "P2"): "conv-bn-drop-act-conv-bn",
    ("post", False, "P3"): "conv-bn-act-drop-conv-bn",
    ("post", False, "P4"): "conv-bn-act-conv-drop-bn",
    ("post", False, "P5"): "conv-bn-act-conv-bn-drop",
    ("post", False, "P7"): "conv-bn-act-conv-bn-drop",
    ("post", True, "P5"): "conv-bn-act-conv-bn-act-conv-bn-drop",
}


@pytest.mark.parametrize(("case", "branch"), BRANCHES.items())
def test_positions(case: tuple[Any, bool, Any], branch: str) -> None:
    """Each position puts dropout into the gap the paper numbers so."""
    style, bottleneck, position = case
    block = ResidualBlock(8, 16, dropout=0.3, style=style, bottleneck=bottleneck, position=position)
    assert str(block.order) == branch
    assert isinstance(block.trunk, Dropout) is (position == "P0")
    assert sum(isinstance(module, Dropout) for module in block.modules()) == 1
    assert block(torch.randn(2, 8, 4, 4)).shape == (2, 16, 4, 4)


def test_without_dropout_there_is_no_layer_for_it() -> None:
    """Rate 0 builds no noise layer, wherever it would stand."""
    for position in ("P0", "P5"):
        block = ResidualBlock(8, position=position)
        assert not any(isinstance(module, Dropout) for module in block.modules())


@pytest.mark.parametrize("style", ["pre", "post"])
@pytest.mark.parametrize("bottleneck", [False, True])
@pytest.mark.parametrize("dimensions", [0, 1, 2, 3])
def test_shapes(style: Any, bottleneck: bool, dimensions: int) -> None:  # noqa: ANN401, FBT001 - parametrized
    """Every style works in every dimension, with and without a change of shape, and trains."""
    stride = 2 if dimensions else 1
    x = torch.randn(4, 8, *[6] * dimensions)
    for out, step in ((8, 1), (16, stride)):
        block = ResidualBlock(
            8, out, style=style, bottleneck=bottleneck, dimensions=dimensions, stride=step
        )
        y = block(x)
        assert y.shape == (4, out, *[6 // step] * dimensions)
        y.square().sum().backward()
        assert all(parameter.grad is not None for parameter in block.parameters())


def test_shortcut_is_an_identity_where_shapes_agree() -> None:
    """Only a changed shape brings a projection, with a norm in post-activation."""
    assert isinstance(ResidualBlock(8).shortcut, nn.Identity)
    names = [name for name, _ in ResidualBlock(8, 16).shortcut.named_parameters()]
    assert names == ["conv.weight"]
    names = [n for n, _ in ResidualBlock(8, 8, stride=2, style="post").shortcut.named_parameters()]
    assert names == ["conv.weight", "bn.weight", "bn.bias"]


def test_block_computes_what_it_says() -> None:
    """A pre-activation block equals its formula written out: x + W₂ relu(bn(W₁ relu(bn(x))))."""
    block = ResidualBlock(8).double()
    x = torch.randn(3, 8, 5, 5, dtype=torch.float64)
    (bn, _, conv, bn2, _, conv2) = block.branch
    torch.testing.assert_close(block(x), x + conv2(bn2(conv(bn(x).relu())).relu()))


def test_post_activation_ends_with_the_activation() -> None:
    """A post-activation block has its last activation after the sum."""
    block = ResidualBlock(8, style="post")
    assert block(torch.randn(3, 8, 5, 5)).min() >= 0
    assert ResidualBlock(8)(torch.randn(3, 8, 5, 5)).min() < 0


def test_bottleneck_widths_and_stride() -> None:
    """A bottleneck has a quarter of the channels inside; the middle convolution has the stride."""
    block = ResidualBlock(8, 32, bottleneck=True, stride=2)
    convs = [module for module in block.branch if isinstance(module, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [8, 8, 32]
    assert [conv.kernel_size for conv in convs] == [(1, 1), (3, 3), (1, 1)]
    assert [conv.stride for conv in convs] == [(1, 1), (2, 2), (1, 1)]


def test_a_bottleneck_may_be_of_any_width_inside() -> None:
    """A number says how many channels are inside; groups are those of the wide convolution."""
    block = ResidualBlock(8, 32, bottleneck=64, groups=4, bias=False, stride=2)
    convs = [module for module in block.branch if isinstance(module, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [64, 64, 32]
    assert [conv.groups for conv in convs] == [1, 4, 1]
    assert all(conv.bias is None for conv in convs)


def test_p5_and_p6_agree_for_relu() -> None:
    """ReLU and dropout commute: with the same mask, P5 and P6 compute the same (Kim et al.)."""
    x = torch.randn(4, 8, 6, 6)
    outputs = []
    for position in ("P5", "P6"):
        torch.manual_seed(3)
        block = ResidualBlock(8, dropout=0.5, position=position)
        torch.manual_seed(4)
        outputs.append(block(x))
    torch.testing.assert_close(outputs[0], outputs[1])


@pytest.mark.parametrize(
    "text",
    [
        "ResidualBlock(16)",
        "ResidualBlock(16, 32, dropout=0.2, stride=2)",
        "ResidualBlock(16, 32, dropout=0.2, position='P3', style='post', bottleneck=True)",
        "ResidualBlock(16, dropout=UniformDropout(beta=0.1, along='element'), position='P7')",
        "ResidualBlock(16, dimensions=0, activation='gelu')",
    ],
)
def test_repr_is_the_call(text: str) -> None:
    """`repr` prints the call back, and evaluates to an equal block; so does its pickle."""
    block = eval(text, NAMESPACE)  # noqa: S307 - the property under test
    assert repr(block) == text
    loaded = pickle.loads(pickle.dumps(block))  # noqa: S301 - our own bytes
    for twin in (eval(repr(block), NAMESPACE), loaded):  # noqa: S307 - same
        assert repr(twin) == text
        assert repr(twin.branch) == repr(block.branch)
        assert repr(twin.shortcut) == repr(block.shortcut)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ResidualBlock(8, position="P6", style="post"), "no weight follows.*P5 or P7"),
        (lambda: ResidualBlock(8, position="P8"), "P0, P1, .* not 'P8'"),  # type: ignore[arg-type]
        (lambda: ResidualBlock(8, style="full"), "'pre' or 'post'.*'full'"),  # type: ignore[arg-type]
        (lambda: ResidualBlock(8, 10, bottleneck=True), "10 is no multiple of 4"),
        (lambda: ResidualBlock(8, 10, bottleneck=0), "bottleneck must be a whole number"),
        (lambda: ResidualBlock(8, 0), "out_channels must be .* not 0"),
        (lambda: ResidualBlock(8, stride=2, dimensions=0), "vectors have no positions"),
        (lambda: ResidualBlock(8, dimensions=5), "not 5"),
        (lambda: ResidualBlock(8, kernel_size=4), "evenly"),
    ],
)
def test_what_does_not_build_says_why(call: Callable[[], object], words: str) -> None:
    """A wrong argument is refused at construction, also where dropout is off."""
    with pytest.raises(UsageError, match=words):
        call()


def test_wrong_rate_is_refused() -> None:
    """A rate that is no probability is refused."""
    with pytest.raises(NormdropError, match=r"1\.5"):
        ResidualBlock(8, dropout=1.5)
