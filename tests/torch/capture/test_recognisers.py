"""Every operation capture knows: its kind, its particulars, its channel axis."""

import importlib
import math
import pkgutil
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody gives it
from torch import Tensor, nn

from normdrop.shifts.graph import (
    Activation,
    Along,
    Attention,
    Concatenate,
    Distribution,
    Kind,
    Node,
    Noise,
    Norm,
    Pool,
    Product,
    Recurrent,
    Resample,
    Reshape,
    Sum,
    Weight,
)
from normdrop.torch import capture as package
from normdrop.torch.capture import capture
from normdrop.torch.capture._table import FAMILIES, TABLE
from normdrop.torch.layers import (
    Dropout,
    GaussianDropout,
    UniformDropout,
    dropout,
    gaussian_dropout,
    uniform_dropout,
)


class Calls(nn.Module):
    """A model that is one function."""

    def __init__(self, function: Callable[..., Any], **tensors: Tensor) -> None:
        super().__init__()
        self.function = function
        for name, tensor in tensors.items():
            self.register_parameter(name, nn.Parameter(tensor))

    def forward(self, *args: Tensor) -> Any:  # noqa: ANN401 - whatever the function returns
        """Call the function with the parameters after the inputs."""
        return self.function(*args, *self.parameters())


def last(function: Callable[..., Any], *shapes: tuple[int, ...], **tensors: Tensor) -> Node:
    """The node that the first output of a function comes from, in train mode."""
    graph = capture(Calls(function, **tensors), shapes).train
    return graph[graph.outputs[0]]


def last_of(module: nn.Module, *shapes: tuple[int, ...]) -> Node:
    """The node that the first output of a module comes from, in train mode."""
    graph = capture(module, shapes).train
    return graph[graph.outputs[0]]


@pytest.mark.parametrize(
    ("module", "shape", "axes"),
    [
        (nn.BatchNorm1d(6), (6,), (0,)),
        (nn.BatchNorm1d(6), (6, 5), (0, 2)),
        (nn.BatchNorm2d(6), (6, 5, 5), (0, 2, 3)),
        (nn.BatchNorm3d(6), (6, 5, 5, 5), (0, 2, 3, 4)),
        (nn.SyncBatchNorm(6), (6, 5), (0, 2)),
        (nn.InstanceNorm1d(6, affine=True, track_running_stats=True), (6, 5), (2,)),
        (nn.InstanceNorm2d(6, affine=True, track_running_stats=True), (6, 5, 5), (2, 3)),
    ],
)
def test_norms_with_statistics(
    module: nn.Module, shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    """A norm's statistics, axes and four parameters are read from the call, in both modes."""
    captured = capture(nn.Sequential(module), shape)
    for graph, by_batch in ((captured.train, True), (captured.eval, False)):
        node = graph[1]
        assert isinstance(node.details, Norm)
        assert node.details.carries_statistics
        assert node.details.uses_batch_statistics is by_batch
        assert node.details.updates_statistics is by_batch
        assert node.details.axes == axes
        assert node.details.eps == 1e-5
        assert node.details.momentum == 0.1
        assert node.channel_axis == 1
        assert node.layer == "0"
        paths = {role: each.path for role, each in node.parameters.items()}
        assert paths == {
            "gamma": "0.weight",
            "beta": "0.bias",
            "running_mean": "0.running_mean",
            "running_var": "0.running_var",
        }


def test_a_norm_without_running_statistics_normalizes_by_the_batch_in_eval_mode() -> None:
    """`track_running_stats=False` leaves nothing to store."""
    captured = capture(nn.Sequential(nn.BatchNorm1d(6, track_running_stats=False)), (6,))
    norm = captured.eval[1].norm
    assert norm is not None
    assert (norm.carries_statistics, norm.uses_batch_statistics) == (False, True)


def test_a_cumulative_average_has_no_momentum() -> None:
    """`momentum=None` divides by a counter, whose value a stand-in has to keep."""
    norm = capture(nn.Sequential(nn.BatchNorm1d(6, momentum=None)), (6,)).train[1].norm
    assert norm is not None
    assert norm.momentum is None


def test_a_subclass_of_a_norm_is_a_norm() -> None:
    """What counts is the call, not the class."""

    class Scaled(nn.BatchNorm2d):
        def forward(self, x: Tensor) -> Tensor:
            """Twice the normalized input."""
            return 2 * super().forward(x)

    graph = capture(nn.Sequential(Scaled(3)), (3, 4, 4)).train
    assert [node.kind for node in graph] == [Kind.INPUT, Kind.NORM, Kind.MULTIPLY]
    assert graph[1].layer == "0"
    assert graph[1].module_type == "Scaled"


def test_a_lazy_norm_that_ran_once_is_a_norm() -> None:
    """A lazy layer becomes an ordinary one at its first input; before that it is refused."""
    lazy = nn.Sequential(nn.LazyBatchNorm1d())
    lazy(torch.ones(4, 6))
    assert capture(lazy, (6,)).train[1].carries_statistics


@pytest.mark.parametrize(
    ("module", "shape", "family", "axes", "channel_axis"),
    [
        (nn.LayerNorm(6), (5, 6), "layer", (2,), 2),
        (nn.LayerNorm((5, 6)), (5, 6), "layer", (1, 2), None),
        (nn.RMSNorm(6), (5, 6), "rms", (2,), 2),
        (nn.GroupNorm(3, 6), (6, 5), "group", (1, 2), 1),
        (nn.InstanceNorm1d(6), (6, 5), "instance", (2,), 1),
        (nn.LocalResponseNorm(3), (6, 5, 5), "local response", (1,), 1),
    ],
)
def test_norms_without_statistics(
    module: nn.Module,
    shape: tuple[int, ...],
    family: str,
    axes: tuple[int, ...],
    channel_axis: int | None,
) -> None:
    """They are norms too, and carry nothing from batch to batch."""
    node = last_of(module, shape)
    assert isinstance(node.details, Norm)
    assert not node.details.carries_statistics
    assert (node.details.family, node.details.axes) == (family, axes)
    assert node.channel_axis == channel_axis


@pytest.mark.parametrize(
    ("module", "shape", "along", "mask"),
    [
        (nn.Dropout(0.2), (6, 5), Along.ELEMENT, (4, 6, 5)),
        (nn.Dropout(0.2, inplace=True), (6, 5), Along.ELEMENT, (4, 6, 5)),
        (nn.Dropout1d(0.2), (6, 5), Along.CHANNEL, (4, 6, 1)),
        (nn.Dropout2d(0.2), (6, 5, 5), Along.CHANNEL, (4, 6, 1, 1)),
        (nn.Dropout3d(0.2), (6, 5, 5, 5), Along.CHANNEL, (4, 6, 1, 1, 1)),
    ],
)
def test_dropout_layers(
    module: nn.Module, shape: tuple[int, ...], along: Along, mask: tuple[int, ...]
) -> None:
    """Rate, what one draw covers, and that eval mode turns them off but keeps the node."""
    captured = capture(nn.Sequential(module, nn.ReLU()), shape)
    noise = captured.train[1].noise
    assert noise == Noise(
        Distribution.BERNOULLI, along, active=True, rate=0.2, scale=1.25, mask_shape=mask
    )
    off = captured.eval[1].noise
    assert off is not None
    assert not off.active
    assert captured.eval[2].inputs == (1,)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.dropout(x, 0.2),
        lambda x: torch.dropout(x, 0.2, True),  # noqa: FBT003 - its positions
        lambda x: F.dropout(x, p=0.2, training=True),
        lambda x: torch.nn.functional.dropout(x, 0.2, True, False),  # noqa: FBT003 - same
        lambda x: torch.native_dropout(x, 0.2, True)[0],  # noqa: FBT003 - same
    ],
)
def test_functional_dropout(function: Callable[[Tensor], Tensor]) -> None:
    """Every spelling of dropout is one, and belongs to the line that calls it."""
    node = last(function, (6,))
    assert node.noise is not None
    assert (node.noise.rate, node.noise.along) == (0.2, Along.ELEMENT)
    assert node.layer.endswith("dropout()")


@pytest.mark.parametrize(
    ("module", "shape", "along"),
    [
        (nn.AlphaDropout(0.3), (8,), Along.ELEMENT),
        (nn.FeatureAlphaDropout(0.3), (8, 4, 4), Along.CHANNEL),
    ],
)
def test_alpha_dropout_is_what_torch_computes(
    module: nn.Module, shape: tuple[int, ...], along: Along
) -> None:
    """Scale, fill and offset reproduce both values a unit can take, to float32 accuracy."""
    noise = last_of(module, shape).noise
    assert noise is not None
    assert noise.along is along
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = module(torch.full((64, *shape), 0.7)).unique().numpy()
    dropped = noise.scale * noise.fill + noise.offset
    kept = noise.scale * 0.7 + noise.offset
    np.testing.assert_allclose(drawn, [dropped, kept], rtol=1e-5)


@pytest.mark.parametrize("along", ["element", "channel", "sample"])
@pytest.mark.parametrize("real", [False, True])
def test_layers_of_this_library(
    along: Literal["element", "channel", "sample"], *, real: bool
) -> None:
    """The three noise layers and their functions, on stand-ins and on real tensors."""

    class Functions(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            """All three functions; a look at a value when they are to run on real tensors."""
            assert not real or x.sum().item() > 0
            x = dropout(x, 0.2, along=along)
            x = gaussian_dropout(x, 0.2, along=along)
            return uniform_dropout(x, 0.3, along=along)

    layers = nn.Sequential(
        Dropout(0.2, along=along),
        GaussianDropout(0.2, along=along),
        UniformDropout(0.3, along=along),
        Functions(),
    )
    graph = capture(layers, torch.ones(4, 6, 5) if real else (6, 5)).train
    nodes = graph.of_kind(Kind.NOISE)
    assert [node.layer for node in nodes[:3]] == ["0", "1", "2"]
    for node in nodes:
        assert node.noise is not None
        assert (node.noise.along.value, node.noise.active) == (along, True)
        assert node.noise.mean == pytest.approx(1.0)
    factors = [node.noise.second_moment_factor for node in nodes if node.noise]
    assert factors == pytest.approx([1.25, 1.25, 1.03] * 2)
    off = capture(layers[:3], (6, 5)).eval
    assert [node.noise.active for node in off if node.noise] == [False] * 3
    assert [node.inputs for node in off] == [(), (0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("module", "shape", "expected", "channel_axis"),
    [
        (nn.Linear(6, 3), (5, 6), Weight("linear"), 2),
        (
            nn.Conv1d(6, 4, 3, stride=2, padding=1, dilation=2, groups=2),
            (6, 9),
            Weight("convolution", (3,), (2,), ((1, 1),), (2,), groups=2),
            1,
        ),
        (
            nn.Conv2d(6, 4, (3, 2), padding="same"),
            (6, 9, 9),
            Weight("convolution", (3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1)),
            1,
        ),
        (
            nn.Conv3d(6, 4, 1),
            (6, 3, 3, 3),
            Weight("convolution", (1,) * 3, (1,) * 3, ((0, 0),) * 3, (1,) * 3),
            1,
        ),
        (
            nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1),
            (6, 5, 5),
            Weight("transposed convolution", (3, 3), (2, 2), ((1, 1),) * 2, (1, 1), (1, 1)),
            1,
        ),
    ],
)
def test_weights(
    module: nn.Module, shape: tuple[int, ...], expected: Weight, channel_axis: int
) -> None:
    """Geometry and groups are read per axis, and the weight's values are the model's."""
    node = last_of(module, shape)
    assert node.details == expected
    assert node.channel_axis == channel_axis
    weight = dict(module.named_parameters())["weight"]
    np.testing.assert_array_equal(node.parameters["weight"].read(), weight.detach().numpy())
    assert set(node.parameters) == {"weight", "bias"}


def test_bilinear_and_embedding_are_weights() -> None:
    """Both name the axis their features are on."""
    node = last_of(nn.Bilinear(3, 4, 5), (3,), (4,))
    assert (node.details, node.channel_axis, len(node.inputs)) == (Weight("bilinear"), 1, 2)
    embedding = capture(nn.Embedding(7, 5), torch.zeros(2, 3, dtype=torch.int64)).train[1]
    assert (embedding.details, embedding.shape) == (Weight("embedding"), (2, 3, 5))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w: x @ w,
        torch.matmul,
        torch.mm,
        lambda x, w: F.linear(x, w.T),
        lambda x, w: F.linear(x, w.transpose(0, 1) * 1.0),
    ],
)
def test_a_product_with_a_parameter_is_a_linear_map(function: Callable[..., Tensor]) -> None:
    """However it is written, the weight comes out as (out, in), with its values."""
    weight = torch.arange(12.0).reshape(4, 3)
    node = last(function, (4,), w=weight)
    assert node.details == Weight("linear")
    np.testing.assert_array_equal(node.parameters["weight"].read(), weight.T.numpy())


def test_a_product_of_two_activations_is_none() -> None:
    """Attention scores have no weights."""
    assert last(lambda x, y: x @ y.T, (4,), (4,)).kind is Kind.MATMUL
    assert last(lambda x, y: torch.einsum("bi,bj->ij", x, y), (4,), (4,)).kind is Kind.MATMUL


def test_a_convolution_whose_weight_depends_on_the_input_is_unknown() -> None:
    """It still takes both tensors."""
    node = last(lambda x: F.conv1d(x, x[:2]), (5, 4))
    assert node.kind is Kind.UNKNOWN
    assert node.operation == "conv1d"
    assert len(node.inputs) == 2


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (F.relu, Activation("relu")),
        (torch.relu, Activation("relu")),
        (lambda x: x.clone().relu_(), Activation("relu")),
        (lambda x: F.leaky_relu(x, 0.2), Activation("leaky_relu", {"negative_slope": 0.2})),
        (nn.LeakyReLU(0.2, inplace=True), Activation("leaky_relu", {"negative_slope": 0.2})),
        (F.elu, Activation("elu", {"alpha": 1.0})),
        (F.selu, Activation("selu")),
        (F.celu, Activation("celu", {"alpha": 1.0})),
        (nn.GELU(approximate="tanh"), Activation("gelu", {"approximate": "tanh"})),
        (F.silu, Activation("silu")),
        (F.mish, Activation("mish")),
        (nn.Hardswish(inplace=True), Activation("hardswish")),
        (F.hardsigmoid, Activation("hardsigmoid")),
        (F.relu6, Activation("hardtanh", {"min_val": 0.0, "max_val": 6.0})),
        (nn.ReLU6(), Activation("hardtanh", {"min_val": 0.0, "max_val": 6.0})),
        (torch.sigmoid, Activation("sigmoid")),
        (torch.tanh, Activation("tanh")),
        (F.softplus, Activation("softplus", {"beta": 1.0, "threshold": 20.0})),
        (F.softsign, Activation("softsign")),
        (F.logsigmoid, Activation("logsigmoid")),
        (lambda x: x**2, Activation("pow", {"exponent": 2.0})),
        (torch.exp, Activation("exp")),
        (lambda x: x.clamp(min=0), Activation("hardtanh", {"min_val": 0.0, "max_val": math.inf})),
        (lambda x: F.softmax(x, dim=-1), Activation("softmax", {"axis": 1.0})),
        (lambda x: x.log_softmax(1), Activation("log_softmax", {"axis": 1.0})),
        (F.glu, Activation("glu", {"dim": -1.0})),
    ],
)
def test_activations(function: Callable[[Tensor], Tensor], expected: Activation) -> None:
    """The name and the constants that the moments of an activation depend on."""
    node = last(function, (6,))
    assert node.details == expected
    assert len(node.inputs) == 1


def test_prelu_has_a_weight() -> None:
    """Its slope is a parameter, and its node says which."""
    node = last_of(nn.PReLU(6), (6,))
    assert node.details == Activation("prelu")
    assert node.parameters["weight"].path == "weight"


@pytest.mark.parametrize(
    ("function", "shape", "expected"),
    [
        (
            nn.MaxPool2d(3, stride=2, padding=1),
            (6, 8, 8),
            Pool("max", (2, 3), (3, 3), (2, 2), ((1, 1),) * 2, (1, 1)),
        ),
        (
            lambda x: F.max_pool1d(x, 2, return_indices=True)[0],
            (6, 8),
            Pool("max", (2,), (2,), (2,), ((0, 0),), (1,)),
        ),
        (
            nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
            (6, 7, 7),
            Pool(
                "average",
                (2, 3),
                (2, 2),
                (2, 2),
                ((0, 0),) * 2,
                (1, 1),
                ceil_mode=True,
                count_include_pad=False,
            ),
        ),
        (
            nn.AdaptiveAvgPool2d(1),
            (6, 7, 5),
            Pool("average", (2, 3), (7, 5), (7, 5), ((0, 0),) * 2, (1, 1)),
        ),
        (
            nn.AdaptiveMaxPool1d(2),
            (6, 8),
            Pool("max", (2,), (4,), (4,), ((0, 0),), (1,)),
        ),
        (
            nn.LPPool1d(2, 3),
            (6, 9),
            Pool("lp", (2,), (3,), (3,), ((0, 0),), (1,), power=2.0),
        ),
        (
            lambda x: x.mean((2, 3)),
            (6, 7, 5),
            Pool("average", (2, 3), (7, 5), (7, 5), ((0, 0),) * 2, (1, 1)),
        ),
        (
            lambda x: x.mean(dim=[-2, -1], keepdim=True),
            (6, 7, 5),
            Pool("average", (2, 3), (7, 5), (7, 5), ((0, 0),) * 2, (1, 1)),
        ),
        (lambda x: x.amax(2), (6, 7), Pool("max", (2,), (7,), (7,), ((0, 0),), (1,))),
        (lambda x: x.max(2).values, (6, 7), Pool("max", (2,), (7,), (7,), ((0, 0),), (1,))),
        (lambda x: x.sum(-1), (6, 7), Pool("sum", (2,), (7,), (7,), ((0, 0),), (1,))),
    ],
)
def test_pools(
    function: Callable[[Tensor], Tensor], shape: tuple[int, ...], expected: Pool
) -> None:
    """Windows, strides and padding per axis; global pools cover the whole extent."""
    assert last(function, shape).details == expected


def test_interpolation_names_its_axes() -> None:
    """Only axes whose extent changes are listed."""
    node = last(lambda x: F.interpolate(x, size=(8, 5), mode="bilinear"), (3, 4, 5))
    assert node.details == Resample("bilinear", (2,))


@pytest.mark.parametrize(
    ("function", "expected", "inputs"),
    [
        (lambda x, y: x + y, Sum((1.0, 1.0)), 2),
        (lambda x, y: torch.add(x, y, alpha=3), Sum((1.0, 3.0)), 2),
        (lambda x, y: x - y, Sum((1.0, -1.0)), 2),
        (lambda x, _: x + 2, Sum((1.0,), 2.0), 1),
        (lambda x, _: 2 - x, Sum((-1.0,), 2.0), 1),
        (lambda x, _: x + torch.tensor(2.0), Sum((1.0,), 2.0), 1),
        (lambda x, y: x * y, Product((1.0, 1.0)), 2),
        (lambda x, y: x / y, Product((1.0, -1.0)), 2),
        (lambda x, _: x / 4, Product((1.0,), 0.25), 1),
        (lambda x, _: 3 / x, Product((-1.0,), 3.0), 1),
        (lambda x, _: -x, Product((1.0,), -1.0), 1),
        (lambda x, _: x * math.sqrt(4), Product((1.0,), 2.0), 1),
        (lambda x, _: x * x, Product((1.0, 1.0)), 2),
        (lambda x, y: sum([x, y]), Sum((1.0, 1.0)), 2),
    ],
)
def test_sums_and_products(
    function: Callable[..., Tensor], expected: Sum | Product, inputs: int
) -> None:
    """Coefficients, exponents and constants, also where a number is written as a tensor."""
    node = last(function, (6,), (6,))
    assert node.details == expected
    assert len(node.inputs) == inputs


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x.flatten(1), Reshape("view")),
        (lambda x: x.view(x.size(0), -1), Reshape("view")),
        (lambda x: x[:, None], Reshape("slice", slices=((0, 4, 1), (0, 6, 1), (0, 8, 1)))),
        (lambda x: x[..., 1:5], Reshape("slice", slices=((0, 4, 1), (0, 6, 1), (1, 5, 1)))),
        (lambda x: x[:, -1], Reshape("slice", slices=((0, 4, 1), (5, 6, 1), (0, 8, 1)))),
        (lambda x: x[:, ::2], Reshape("slice", slices=((0, 4, 1), (0, 6, 2), (0, 8, 1)))),
        (lambda x: x.narrow(1, 2, 3), Reshape("slice", slices=((0, 4, 1), (2, 5, 1), (0, 8, 1)))),
        (lambda x: x.select(2, 3), Reshape("slice", slices=((0, 4, 1), (0, 6, 1), (3, 4, 1)))),
        (
            lambda x: x.chunk(2, dim=1)[1],
            Reshape("slice", slices=((0, 4, 1), (3, 6, 1), (0, 8, 1))),
        ),
        (
            lambda x: torch.split(x, [1, 5], 1)[1],
            Reshape("slice", slices=((0, 4, 1), (1, 6, 1), (0, 8, 1))),
        ),
        (lambda x: x.unbind(1)[2], Reshape("slice", slices=((0, 4, 1), (2, 3, 1), (0, 8, 1)))),
        (lambda x: x[:, [2, 1]], Reshape("select")),
        (lambda x: x.permute(0, 2, 1), Reshape("permute", permutation=(0, 2, 1))),
        (lambda x: x.permute((0, 2, 1)), Reshape("permute", permutation=(0, 2, 1))),
        (lambda x: x.transpose(1, -1), Reshape("permute", permutation=(0, 2, 1))),
        (lambda x: x.mT, Reshape("permute", permutation=(0, 2, 1))),
        (lambda x: x.movedim(1, 2), Reshape("permute", permutation=(0, 2, 1))),
        (
            lambda x: F.pad(x, (1, 2, 3, 0), value=5.0),
            Reshape("pad", padding=((0, 0), (3, 0), (1, 2)), value=5.0),
        ),
        (lambda x: x.repeat(1, 2, 1), Reshape("repeat")),
        (lambda x: x.flip(1), Reshape("reorder")),
        (lambda x: x.double(), Reshape("copy")),
        (lambda x: x.contiguous(), Reshape("copy")),
        (lambda x: x.to("cuda"), Reshape("copy")),
        (lambda x: x.cpu(), Reshape("copy")),
    ],
)
def test_reshapes(function: Callable[[Tensor], Tensor], expected: Reshape) -> None:
    """Where every element of the output comes from; a change of device is a copy."""
    assert last(function, (6, 8)).details == expected


def test_joins() -> None:
    """Concatenation and stacking name the axis of the output."""
    assert last(lambda x, y: torch.cat([x, y], -1), (6,), (7,)).details == Concatenate(1)
    stacked = last(lambda x, y: torch.stack((x, y), dim=1), (6,), (6,))
    assert stacked.details == Concatenate(1, new_axis=True)


def test_attention_holds_noise() -> None:
    """Functional and modular attention show the dropout of their weights, on and off."""
    node = last(lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.3), (5, 6))
    assert isinstance(node.details, Attention)
    assert (node.details.noise.rate, node.details.noise.inside) == (0.3, "attention")

    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(6, 2, dropout=0.3, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            """Attention of a sequence to itself."""
            attended: Tensor = self.attention(x, x, x)[0]
            return attended

    captured = capture(Attends(), (5, 6))
    for graph, active in ((captured.train, True), (captured.eval, False)):
        (attention,) = graph.of_kind(Kind.ATTENTION)
        assert attention.noise is not None
        assert attention.noise.active is active
        assert attention.layer == "attention"
        assert attention.parameters["out_proj_weight"].path == "attention.out_proj.weight"
        assert all(layer.used for layer in graph.layers)


def test_a_recurrent_stack_holds_noise_between_its_layers() -> None:
    """Dropout of a stack is seen; a single layer has no place for it."""
    lstm = capture(nn.LSTM(6, 5, 2, dropout=0.3), (7, 6))
    (node, *_) = lstm.train.of_kind(Kind.RECURRENT)
    assert isinstance(node.details, Recurrent)
    assert (node.details.cell, node.details.noise.rate) == ("lstm", 0.3)
    assert node.details.noise.active
    assert "weight_hh_l1" in node.parameters
    (off, *_) = lstm.eval.of_kind(Kind.RECURRENT)
    assert off.noise is not None
    assert not off.noise.active
    (single, *_) = capture(nn.GRU(6, 5), (7, 6)).train.of_kind(Kind.RECURRENT)
    assert single.noise is not None
    assert not single.noise.active


def test_what_nobody_described_is_kept() -> None:
    """An operation without an entry is a node with its name, inputs and shape."""
    node = last(lambda x: torch.fft.rfft(x).abs().cumsum(1), (6,))
    assert (node.kind, node.operation, node.shape) == (Kind.UNKNOWN, "cumsum", (4, 4))
    assert len(node.inputs) == 1


def test_every_family_is_registered_and_no_operation_is_described_twice() -> None:
    """A new family is a file with `ENTRIES`; the table takes in all of them."""
    modules = [
        importlib.import_module(f"{package.__name__}.{each.name}")
        for each in pkgutil.iter_modules(package.__path__)
    ]
    families = [each for each in modules if hasattr(each, "ENTRIES")]
    assert set(FAMILIES) == set(families)
    assert sum(len(each.ENTRIES) for each in families) == len(TABLE)
