"""A graph computes what its model computes.

Nodes are executed from nothing but their kind, details, shapes and parameters, in float64, and the
outputs compared with the model's own: a wrong axis, order of inputs, stride or parameter shows.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody gives it
from torch import Tensor, nn

from normdrop.shifts.graph import (
    Activation,
    Concatenate,
    Graph,
    Kind,
    Matmul,
    Node,
    Noise,
    Norm,
    Pool,
    Product,
    Reshape,
    Sum,
    Weight,
)
from normdrop.torch.capture import capture


def replay(graph: Graph, *inputs: Tensor) -> Tensor:
    """The first output of a graph for these inputs."""
    values: dict[int, Tensor] = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph:
        if node.id not in values:
            values[node.id] = compute(node, [values[source] for source in node.inputs])
            assert tuple(values[node.id].shape) == node.shape
    return values[graph.outputs[0]]


def parameter(node: Node, name: str) -> Tensor | None:
    """A parameter's values, or None where the node has none of that name."""
    held = node.parameters.get(name)
    return None if held is None else torch.from_numpy(np.array(held.read()))


def compute(node: Node, taken: list[Tensor]) -> Tensor:
    """One node."""
    if node.kind in {Kind.PARAMETER, Kind.CONSTANT}:
        value = parameter(node, "value")
        assert value is not None
        return value
    rule = RULES[type(node.details)]
    return rule(node, node.details, taken)


def normalize(node: Node, norm: Norm, taken: list[Tensor]) -> Tensor:
    """By stored statistics, or over the node's axes and groups."""
    (x,) = taken
    assert norm.family != "rms"
    shape = [1] * x.ndim
    if node.channel_axis is not None:
        shape[node.channel_axis] = -1
    if norm.uses_batch_statistics:
        grouped = x.reshape(x.shape[0], norm.groups, -1) if norm.groups > 1 else x
        axes = (2,) if norm.groups > 1 else norm.axes
        centred = grouped - grouped.mean(axes, keepdim=True)
        variance = centred.square().mean(axes, keepdim=True)
        x = (centred / (variance + norm.eps).sqrt()).reshape(x.shape)
    else:
        mean, stored = parameter(node, "running_mean"), parameter(node, "running_var")
        assert mean is not None
        assert stored is not None
        x = (x - mean.reshape(shape)) / (stored.reshape(shape) + norm.eps).sqrt()
    gamma, beta = parameter(node, "gamma"), parameter(node, "beta")
    x = x if gamma is None else x * gamma.reshape(shape)
    return x if beta is None else x + beta.reshape(shape)


def weigh(node: Node, weight: Weight, taken: list[Tensor]) -> Tensor:
    """A convolution with its padding written out, a linear map, or an embedding."""
    values, bias = parameter(node, "weight"), parameter(node, "bias")
    assert values is not None
    if weight.family == "linear":
        return F.linear(taken[0], values, bias)
    if weight.family == "embedding":
        return values[taken[0]]
    rank = len(weight.kernel)
    if weight.family == "transposed convolution":
        function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
        padding = tuple(before for before, _ in weight.padding)
        settings = (weight.stride, padding, weight.output_padding, weight.groups, weight.dilation)
        return function(taken[0], values, bias, *settings)
    flat = [width for pair in reversed(weight.padding) for width in pair]
    convolve = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    padded = F.pad(taken[0], flat)
    return convolve(padded, values, bias, weight.stride, 0, weight.dilation, weight.groups)


def activate(node: Node, activation: Activation, taken: list[Tensor]) -> Tensor:
    """By the name and constants alone."""
    settings = dict(activation.settings)
    if activation.name in {"softmax", "log_softmax"}:
        axis = int(settings["axis"])
        result: Tensor = getattr(F, activation.name)(taken[0], dim=axis)
        return result
    if activation.name == "prelu":
        weight = parameter(node, "weight")
        assert weight is not None
        return F.prelu(taken[0], weight)
    function = getattr(F, activation.name, None) or getattr(torch, activation.name)
    activated: Tensor = function(taken[0], **settings)
    return activated


def pool(node: Node, details: Pool, taken: list[Tensor]) -> Tensor:
    """Windows unfolded one axis at a time, which is the same for maxima and padded averages."""
    (x,) = taken
    if details.kernel == tuple(x.shape[axis] for axis in details.axes):
        assert details.method in {"average", "max"}
        whole = x.mean(details.axes) if details.method == "average" else x.amax(details.axes)
        return whole.reshape(node.shape)
    empty = -np.inf if details.method == "max" else 0.0
    for axis, kernel, step, (before, after) in zip(
        details.axes, details.kernel, details.stride, details.padding, strict=True
    ):
        flat = [0, 0] * (x.ndim - 1 - axis) + [before, after]
        windows = F.pad(x, flat, value=empty).unfold(axis, kernel, step)
        x = windows.amax(-1) if details.method == "max" else windows.mean(-1)
    return x


def rearrange(node: Node, reshape: Reshape, taken: list[Tensor]) -> Tensor:
    """Views, permutations, slices, pads and copies."""
    x = taken[0]
    if reshape.how == "permute":
        return x.permute(reshape.permutation)
    if reshape.how == "slice":
        x = x[tuple(slice(*each) for each in reshape.slices)]
    if reshape.how == "pad":
        return F.pad(
            x, [w for pair in reversed(reshape.padding) for w in pair], value=reshape.value
        )
    assert reshape.how in {"view", "slice", "copy"}
    return x.reshape(node.shape)


def add(_: Node, total: Sum, taken: list[Tensor]) -> Tensor:
    """A weighted sum."""
    terms = [c * each for c, each in zip(total.coefficients, taken, strict=True)]
    return torch.stack(torch.broadcast_tensors(*terms)).sum(0) + total.constant  # type: ignore[no-untyped-call]


def multiply(_: Node, product: Product, taken: list[Tensor]) -> Tensor:
    """A product of powers."""
    result = torch.tensor(product.constant, dtype=torch.float64)
    for exponent, each in zip(product.exponents, taken, strict=True):
        result = result * each**exponent
    return result


def join(_: Node, details: Concatenate, taken: list[Tensor]) -> Tensor:
    """Side by side."""
    return torch.stack(taken, details.axis) if details.new_axis else torch.cat(taken, details.axis)


def disturb(_: Node, noise: Noise, taken: list[Tensor]) -> Tensor:
    """Noise that is off."""
    assert not noise.active
    return taken[0]


def contract(_: Node, __: Matmul, taken: list[Tensor]) -> Tensor:
    """A product of two activations."""
    return taken[0] @ taken[1]


RULES: dict[type, Callable[..., Tensor]] = {
    Norm: normalize,
    Weight: weigh,
    Activation: activate,
    Pool: pool,
    Reshape: rearrange,
    Sum: add,
    Product: multiply,
    Concatenate: join,
    Noise: disturb,
    Matmul: contract,
}


class Gated(nn.Module):
    """Residual, depthwise, squeeze-and-excitation, in-place and shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(4, 8, 1)
        self.depthwise = nn.Conv2d(8, 8, (3, 2), padding="same", groups=8)
        self.norm1, self.norm2 = nn.BatchNorm2d(8), nn.GroupNorm(2, 8)
        self.gate = nn.Linear(8, 8)
        self.project = nn.Conv2d(8, 4, 3, stride=1, padding=1, dilation=1)
        self.scale = nn.Parameter(torch.rand(4, 1, 1))
        self.act, self.drop = nn.Hardswish(inplace=True), nn.Dropout2d(0.3, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Expand, filter, gate, project, scale and add."""
        y = self.act(self.norm1(self.expand(x)))
        y = F.silu(self.norm2(self.depthwise(y)))
        y = y * torch.sigmoid(self.gate(y.mean((2, 3))))[:, :, None, None]
        first, second = y.chunk(2, dim=1)
        y = torch.stack([second, first], 2).transpose(1, 2).reshape_as(y)
        y = self.drop(self.project(y)) * self.scale
        y += x
        result: Tensor = y / 2 - 0.25
        return result


class Attends(nn.Module):
    """A transformer block by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(6), nn.Linear(6, 18)
        self.out = nn.Parameter(torch.rand(6, 6))

    def forward(self, x: Tensor) -> Tensor:
        """Attention with the output weight on the right."""
        query, key, value = self.mix(self.norm(x)).split(6, dim=-1)
        scores = F.softmax(query @ key.transpose(-2, -1) / 6**0.5, dim=-1)
        result: Tensor = x + (scores @ value) @ self.out
        return result


class Dense(nn.Module):
    """Concatenation, slices, padding, a sequence of pools, a transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1)
        self.act = nn.PReLU(8)

    def forward(self, x: Tensor) -> Tensor:
        """Down, up and beside."""
        y = F.pad(self.up(F.relu(self.first(x))), (0, 0, 0, 0), value=0.0)
        y = self.act(torch.cat([x, y], 1))
        y = F.avg_pool2d(F.max_pool2d(y, 3, 2, 1), 2)
        y = F.pad(y, (1, 0, 0, 2), value=0.5)
        return y[:, ::2, 1:, :-1].flatten(1) ** 2


NETWORKS: list[tuple[Callable[[], nn.Module], tuple[int, ...]]] = [
    (Gated, (4, 6, 8)),
    (Attends, (5, 6)),
    (Dense, (4, 8, 8)),
    (
        lambda: nn.Sequential(
            nn.Conv1d(3, 6, 4, stride=2, padding=2, dilation=2, groups=3),
            nn.BatchNorm1d(6),
            nn.ELU(),
            nn.InstanceNorm1d(6),
            nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(6, 4),
            nn.Softmax(1),
        ),
        (3, 15),
    ),
    (
        lambda: nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Linear(6, 8)),
            nn.BatchNorm1d(8, affine=False),
            nn.GELU(),
            nn.Dropout(0.5),
            nn.Unflatten(1, (2, 4)),
            nn.Hardtanh(),
        ),
        (6,),
    ),
]


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("build", "shape"), NETWORKS)
def test_a_graph_computes_what_its_model_computes(
    build: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    """In eval mode, with statistics that are not the initial ones, to float64 accuracy."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build().double()
        x = torch.randn(4, *shape, dtype=torch.float64)
        model(x.clone())
        model.eval()
        expected = model(x.clone()).detach()
    graph = capture(model, x).eval
    assert graph.of_kind(Kind.UNKNOWN) == ()
    torch.testing.assert_close(replay(graph, x), expected)
