"""`Block`: what it builds, prints and refuses."""

import pickle
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import normdrop
from normdrop.errors import NormdropError, OrderError, UsageError
from normdrop.torch import Block, Dropout, GaussianDropout, UniformDropout

NAMESPACE = {"torch": torch, "Block": Block, "UniformDropout": UniformDropout}


def shapes(module: nn.Module) -> dict[str, torch.Size]:
    """The shape of everything in the state dictionary."""
    return {name: value.shape for name, value in module.state_dict().items()}


def test_names_and_shapes() -> None:
    """Layers are named after their tokens, and the first weight changes the channels."""
    block = Block("bn-act-conv-bn-act-drop-conv", 3, 8)
    names = [name for name, _ in block.named_children()]
    assert names == ["bn", "act", "conv", "bn2", "act2", "drop", "conv2"]
    assert block.get_parameter("bn.weight").shape == (3,)
    assert block.get_parameter("conv.weight").shape == (8, 3, 3, 3)
    assert block.get_parameter("bn2.weight").shape == (8,)
    assert block.get_parameter("conv2.weight").shape == (8, 8, 3, 3)
    assert "conv.bias" not in block.state_dict()
    assert block.get_parameter("conv2.bias").shape == (8,)


@pytest.mark.parametrize(
    ("order", "keywords", "entering", "leaving"),
    [
        ("linear-bn-act-drop", {}, (4, 3), (4, 8)),
        ("conv-bn-act-pool", {"dimensions": 1}, (4, 3, 12), (4, 8, 6)),
        ("conv-bn-act-pool", {}, (4, 3, 12, 8), (4, 8, 6, 4)),
        ("conv-bn-act-pool(avg)", {"dimensions": 3}, (2, 3, 4, 6, 8), (2, 8, 2, 3, 4)),
        ("conv-conv", {"stride": 2}, (4, 3, 8, 8), (4, 8, 4, 4)),
        ("conv-bn", {"kernel_size": (1, 5)}, (4, 3, 8, 8), (4, 8, 8, 8)),
        ("conv", {"kernel_size": 2, "stride": 2, "padding": 0}, (4, 3, 8, 8), (4, 8, 4, 4)),
        ("conv", {"padding": "valid"}, (4, 3, 8, 8), (4, 8, 6, 6)),
        ("conv", {"padding": (2, 0)}, (4, 3, 8, 8), (4, 8, 10, 6)),
        ("conv", {"dilation": 2}, (4, 3, 8, 8), (4, 8, 8, 8)),
        ("conv-ln-act", {}, (4, 3, 8, 8), (4, 8, 8, 8)),
        ("linear-ln", {}, (4, 3), (4, 8)),
        ("linear-gn(2)-uniform-gaussian", {}, (4, 3), (4, 8)),
        (
            "conv-bn-act-pool",
            {"pool_kernel_size": 3, "pool_stride": 2, "pool_padding": 1},
            (4, 3, 8, 8),
            (4, 8, 4, 4),
        ),
    ],
)
def test_output_shape(
    order: str, keywords: dict[str, Any], entering: tuple[int, ...], leaving: tuple[int, ...]
) -> None:
    """Every dimension works in train and in eval mode, and gradients arrive."""
    block = Block(order, 3, 8, **keywords)
    x = torch.randn(entering, requires_grad=True)
    y = block(x)
    assert y.shape == leaving
    y.square().sum().backward()
    assert x.grad is not None
    assert all(parameter.grad is not None for parameter in block.parameters())
    assert block.eval()(x).shape == leaving


def test_block_computes_what_its_layers_written_out_compute() -> None:
    """The block equals the same layers of torch written out by hand."""
    block = Block("conv-bn-act(elu)-pool", 3, 8, eps=1e-3, momentum=0.01).double()
    twin = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8, eps=1e-3, momentum=0.01),
        nn.ELU(),
        nn.MaxPool2d(2),
    ).double()
    twin.load_state_dict(dict(zip(twin.state_dict(), block.state_dict().values(), strict=True)))
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(block(x), twin(x))
    torch.testing.assert_close(block.eval()(x), twin.eval()(x))


def test_layer_norm_is_over_channels_at_each_position() -> None:
    """`ln` normalises each position over its channels: mean 0 and variance 1 there."""
    y = Block("ln", 16)(3 + 5 * torch.randn(2, 16, 4, 4))
    torch.testing.assert_close(y.mean(1), torch.zeros(2, 4, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var(1, correction=0), torch.ones(2, 4, 4), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "text",
    [
        "Block('conv-bn-act-pool', 3, 64)",
        "Block('bn-act', 64)",
        "Block('linear-bn-act-drop(0.3)', 10, 20)",
        "Block('conv-bn-act', 4, 8, dimensions=3, kernel_size=(1, 3, 3), stride=2, groups=4)",
        "Block('conv-act', 4, 8, bias=False, activation=torch.nn.modules.activation.SiLU)",
        "Block('conv-drop', 4, 8, dropout=UniformDropout(beta=0.2, along='channel'))",
        "Block('conv-bn', 4, 8, device='meta', dtype=torch.float64)",
        "Block('conv-bn', 4, 8, eps=0.001, momentum=None, affine=False)",
    ],
)
def test_repr_is_the_call(text: str) -> None:
    """`repr` prints the call back, without default values, and evaluates to an equal block."""
    block = eval(text, NAMESPACE)  # noqa: S307 - the property under test
    assert repr(block) == text
    twin = eval(repr(block), NAMESPACE)  # noqa: S307 - same
    assert shapes(twin) == shapes(block)
    assert [repr(layer) for layer in twin] == [repr(layer) for layer in block]


def test_pickle_and_copy() -> None:
    """A pickled or copied block computes the same and prints the same."""
    block = Block("conv-bn-act-drop-pool", 3, 8, dropout=0.3).eval()
    x = torch.randn(2, 3, 8, 8)
    for twin in (pickle.loads(pickle.dumps(block)), deepcopy(block)):  # noqa: S301 - our bytes
        assert repr(twin) == repr(block)
        assert twin.order == block.order
        torch.testing.assert_close(twin(x), block(x))


def test_block_is_a_sequence_of_layers() -> None:
    """A block iterates, counts and slices as `torch.nn.Sequential` does."""
    block = Block("conv-bn-act", 3, 8)
    assert len(block) == 3
    assert block[-1] is block.act
    head = block[:2]
    assert type(head) is nn.Sequential
    assert list(head) == [block.conv, block.bn]


def test_noise_of_tokens_and_of_the_block() -> None:
    """A token's argument goes before the block's setting; every noise gets `along`."""
    block = Block(
        "drop-drop(0.1)-uniform-uniform(0.3)-gaussian-gaussian(0.4)",
        3,
        dropout=0.2,
        beta=0.05,
        along="channel",
    )
    kinds = [Dropout, Dropout, UniformDropout, UniformDropout, GaussianDropout, GaussianDropout]
    assert [type(layer) for layer in block] == kinds
    assert [getattr(layer, "p", getattr(layer, "beta", None)) for layer in block] == [
        0.2,
        0.1,
        0.05,
        0.3,
        0.2,
        0.4,
    ]
    assert all(layer.along == "channel" for layer in block)


def test_noise_layer_is_copied() -> None:
    """A noise layer given as `dropout` stands at every `drop`, each time as a copy."""
    noise = nn.AlphaDropout(0.1)
    block = Block("drop-act-drop", 3, dropout=noise)
    assert isinstance(block.drop, nn.AlphaDropout)
    assert len({id(noise), id(block.drop), id(block.drop2)}) == 3


def test_activation_by_name_class_and_function() -> None:
    """`act` takes a name, a class or a function; every place gets its own layer."""
    assert isinstance(Block("act", 3, activation="gelu").act, nn.GELU)
    assert isinstance(Block("act", 3, activation=nn.ELU).act, nn.ELU)
    block = Block("act-act", 3, activation=partial(nn.LeakyReLU, 0.3))
    assert isinstance(block.act, nn.LeakyReLU)
    assert block.act.negative_slope == 0.3
    assert block.act is not block.act2


def test_bias_can_be_forced() -> None:
    """`bias` overrides what the positions say, for networks that must match others."""
    assert "conv.bias" in Block("conv-bn", 3, 8, bias=True).state_dict()
    assert "conv.bias" not in Block("conv", 3, 8, bias=False).state_dict()


def test_parameters_are_made_where_and_as_told() -> None:
    """Weights, norms and activations with parameters share device and type."""
    block = Block("conv-bn-ln-gn(2)-act(prelu)", 3, 8, device="meta", dtype=torch.float64)
    for value in block.parameters():
        assert (value.device.type, value.dtype) == ("meta", torch.float64)


def test_compiles() -> None:
    """`torch.compile` traces a block without a graph break."""
    block = Block("conv-bn-act-pool", 3, 8)
    compiled = torch.compile(block, backend="eager", fullgraph=True)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(compiled(x), block(x))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Block("NADA", 3, 8), OrderError, "'NADA' at column 1"),
        (lambda: Block("bn-act", 3, 8), OrderError, "no conv or linear .* 3 channels into 8"),
        (lambda: Block("conv-linear", 3, 8), OrderError, "'conv' with dimensions=0"),
        (lambda: Block("linear", 3, 8, dimensions=2), OrderError, "'linear' with dimensions=2"),
        (lambda: Block("linear-pool", 3, 8), OrderError, "'pool' with dimensions=0"),
        (lambda: Block("conv-gn", 3, 30), OrderError, r"'gn' means 32 groups.*'gn\(30\)'"),
        (lambda: Block("conv-gn(4)", 3, 30), OrderError, r"did you mean 'gn\((3|5)\)'"),
        (lambda: Block("conv", 3, 8, dimensions=4), UsageError, "1, 2 or 3, or 0.*not 4"),
        (lambda: Block("conv", 0, 8), UsageError, "in_channels must be .* not 0"),
        (lambda: Block("conv", 3, -1), UsageError, "out_channels must be .* not -1"),
        (lambda: Block("conv", 3, 8, kernel_size=2), UsageError, "evenly.*padding=0"),
        (lambda: Block("conv", 3, 8, kernel_size=(3, 3, 3)), UsageError, "3 numbers for 2 dim"),
        (lambda: Block("conv", 3, 8, stride=0), UsageError, "stride=0 must be at least 1"),
        (lambda: Block("conv", 3, 8, groups=2), UsageError, "groups=2 does not divide the 3"),
        (lambda: Block("conv", 3, 8, padding="half"), UsageError, "padding='half' must be"),  # type: ignore[arg-type]
        (lambda: Block("act", 3, activation="rleu"), UsageError, "activation='rleu' is unknown"),
        (lambda: Block("act", 3, activation=nn.ReLU()), UsageError, "needs its own"),
        (lambda: Block("act", 3, activation=dict), UsageError, "no torch.nn.Module"),  # type: ignore[arg-type]
        (lambda: Block("gaussian", 3, dropout=nn.Dropout()), UsageError, r"gaussian\(0.2\)"),
        (lambda: Block("drop", 3, dropout=1.5), NormdropError, "1.5"),
        (lambda: Block("drop", 3, along="row"), NormdropError, "row"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_build_says_why(
    call: Callable[[], object], error: type[Exception], words: str
) -> None:
    """A wrong argument is refused at construction, with what to do instead."""
    with pytest.raises(error, match=words):
        call()


def test_order_value_is_accepted() -> None:
    """A parsed order builds the same block as its string."""
    assert repr(Block(normdrop.Order("conv-bn"), 3, 8)) == "Block('conv-bn', 3, 8)"
