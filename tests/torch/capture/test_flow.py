"""Which tensors flow where: in-place writes, views, shared modules, constants, call sites."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody gives it
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from normdrop.shifts.graph import Graph, Kind
from normdrop.torch.capture import capture


def operations(graph: Graph) -> list[tuple[str, tuple[int, ...]]]:
    """Every node's operation and inputs."""
    return [(node.operation, node.inputs) for node in graph]


class Model(nn.Module):
    """A base for models that are one forward."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.drop = nn.Dropout(0.5)


def test_a_tensor_written_in_place_moves_on() -> None:
    """Whoever holds the same tensor sees the new values, as in torch."""

    class InPlace(Model):
        def forward(self, x: Tensor) -> Tensor:
            """Add to what the shortcut also names."""
            y = self.linear(x)
            shortcut = y
            y += x
            F.relu(y, inplace=True)
            result: Tensor = y + shortcut
            return result

    assert operations(capture(InPlace(), (6,)).train) == [
        ("input_0", ()),
        ("linear", (0,)),
        ("add", (1, 0)),
        ("relu", (2,)),
        ("add", (3, 3)),
    ]


def test_inactive_dropout_does_not_reach_its_own_input() -> None:
    """In eval mode torch returns the very input; the shortcut still bypasses the dropout."""

    class Residual(Model):
        def forward(self, x: Tensor) -> Tensor:
            """Dropout on the branch only."""
            branch: Tensor = self.drop(x)
            return branch + x

    graph = capture(Residual(), (6,)).eval
    assert operations(graph) == [("input_0", ()), ("dropout", (0,)), ("add", (1, 0))]


def test_writing_through_a_view_changes_what_it_views() -> None:
    """A whole view renames the values; a partial one mixes old and new."""

    class Views(Model):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            """Write through two views."""
            y = self.linear(x)
            y.view(-1).relu_()
            z = self.linear(x)
            z[:, :3].mul_(2)
            return y + 1, z + 1

    graph = capture(Views(), (6,)).train
    whole, part = (graph.sources(graph[each])[0] for each in graph.outputs)
    assert [node.operation for node in graph.sources(whole)] == ["relu"]
    assert [node.operation for node in graph.sources(part)] == ["linear", "mul"]
    assert part.kind is Kind.UNKNOWN


def test_writing_into_parts_of_a_fresh_tensor_is_seen() -> None:
    """An output buffer filled piece by piece depends on every piece."""

    class Buffer(Model):
        def forward(self, x: Tensor) -> Tensor:
            """Two halves."""
            out = x.new_zeros(x.shape[0], 12)
            out[:, :6] = self.linear(x)
            out[:, 6:] = x
            return out

    graph = capture(Buffer(), (6,)).train
    reached = {graph.outputs[0]}
    for node in reversed(graph.nodes):
        if node.id in reached:
            reached |= set(node.inputs)
    assert {graph[each].operation for each in reached} >= {"linear", "input_0", "setitem"}


def test_the_out_argument_is_an_output() -> None:
    """What is written to `out=` comes from the call."""

    class Out(Model):
        def forward(self, x: Tensor) -> Tensor:
            """A sum into a given tensor."""
            out = torch.empty_like(x)
            torch.add(x, self.linear(x), out=out)
            return out * 2

    assert [name for name, _ in operations(capture(Out(), (6,)).train)] == [
        "input_0",
        "linear",
        "add",
        "mul",
    ]


def test_a_module_called_twice_is_two_nodes_of_one_layer() -> None:
    """Both calls share the layer and its parameters, and the layer counts two calls."""

    class Twice(Model):
        def forward(self, x: Tensor) -> Tensor:
            """The same weights, twice."""
            result: Tensor = self.linear(self.drop(self.linear(self.drop(x))))
            return result

    graph = capture(Twice(), (6,)).train
    assert [node.layer for node in graph] == ["", "drop", "linear", "drop", "linear"]
    assert len(graph.of_layer("linear")) == 2
    assert {layer.path: layer.calls for layer in graph.layers}["linear"] == 2


def test_a_module_registered_twice_has_its_first_name() -> None:
    """Its other names are aliases."""
    shared = nn.Linear(6, 6)
    graph = capture(nn.Sequential(shared, nn.ReLU(), shared), (6,)).train
    assert [node.layer for node in graph.of_kind(Kind.WEIGHT)] == ["0", "0"]
    assert {layer.path: layer.aliases for layer in graph.layers}["0"] == ("2",)


def test_tied_weights_stay_tied() -> None:
    """A weight shared by two layers is read under one name."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode = nn.Linear(6, 6, bias=False)
            self.decode = nn.Linear(6, 6, bias=False)
            self.decode.weight = self.encode.weight

        def forward(self, x: Tensor) -> Tensor:
            """There and back."""
            result: Tensor = self.decode(self.encode(x))
            return result

    first, second = capture(Tied(), (6,)).train.of_kind(Kind.WEIGHT)
    assert first.parameters["weight"].path == second.parameters["weight"].path == "encode.weight"
    assert (first.layer, second.layer) == ("encode", "decode")


def test_functions_in_a_forward_are_layers_by_their_line() -> None:
    """One line called in a loop is one layer, two lines are two; a weight names its owner."""

    class Functions(Model):
        def forward(self, x: Tensor) -> Tensor:
            """Three draws from two lines."""
            for _ in range(2):
                x = F.dropout(x, 0.5, self.training)
            x = F.dropout(x, 0.1, self.training)
            return F.linear(x, self.linear.weight)

    graph = capture(nn.Sequential(Functions()), (6,)).train
    assert [node.layer for node in graph][1:] == [
        "0.dropout()",
        "0.dropout()",
        "0.dropout()#2",
        "0.linear",
    ]


def test_nodes_know_their_line_and_their_modules() -> None:
    """The line is the user's, also for a call that torch's own layer makes."""

    class Inner(Model):
        def forward(self, x: Tensor) -> Tensor:
            """One layer."""
            x = self.linear(x)
            return x * 2

    lines, start = inspect.getsourcelines(Inner.forward)
    graph = capture(nn.Sequential(Inner()), (6,)).train
    linear, double = graph[1], graph[2]
    assert linear.location is not None
    assert double.location is not None
    assert Path(linear.location.file) == Path(__file__)
    assert lines[linear.location.line - start].strip() == "x = self.linear(x)"
    assert lines[double.location.line - start].strip() == "return x * 2"
    assert linear.modules == ("", "0", "0.linear")
    assert (linear.module, linear.module_type) == ("0.linear", "Linear")
    assert graph[0].location is None


def test_a_direct_call_of_forward_is_seen_as_the_module() -> None:
    """Code that skips `__call__` still runs inside the module."""

    class Direct(Model):
        def forward(self, x: Tensor) -> Tensor:
            """No hooks."""
            return self.linear.forward(x)

    assert capture(Direct(), (6,)).train[1].module == "linear"


def test_computed_weights_can_be_read() -> None:
    """A standardized weight has no values during capture; they are computed when asked for."""

    class Standardized(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            """Convolution with a weight of mean 0 and deviation 1 per channel."""
            weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            weight = weight / weight.flatten(1).std(1).view(-1, 1, 1, 1)
            return F.conv2d(x, weight, self.bias)

    model = nn.Sequential(Standardized(3, 4, 3))
    graph = capture(model, (3, 8, 8)).train
    assert [node.kind for node in graph] == [Kind.INPUT, Kind.WEIGHT]
    values = graph[1].parameters["weight"].read()
    np.testing.assert_allclose(values.mean((1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(values.reshape(4, -1).std(1, ddof=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "wrap",
    [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm],
)
def test_parametrized_weights_can_be_read(wrap: object) -> None:
    """The weight that `torch.nn.utils.parametrizations` computes, to float32 accuracy.

    Spectral norm takes one more power iteration in train mode than in eval mode.
    """
    assert callable(wrap)
    torch.manual_seed(0)
    layer = wrap(nn.Linear(6, 5)).eval()
    node = capture(nn.Sequential(layer), (6,)).eval.of_kind(Kind.WEIGHT)[0]
    expected = layer.weight.detach().numpy()
    np.testing.assert_allclose(node.parameters["weight"].read(), expected, rtol=1e-5)


def test_constants_made_in_the_shape_of_an_activation_can_be_read() -> None:
    """They depend on its shape, not on its values."""

    class Masks(Model):
        def forward(self, x: Tensor) -> Tensor:
            """A triangular mask."""
            result: Tensor = self.linear(x) * torch.ones_like(x).tril()
            return result

    (mask,) = capture(Masks(), (6,)).train.of_kind(Kind.CONSTANT)
    np.testing.assert_array_equal(mask.parameters["value"].read(), np.tril(np.ones((4, 6))))


def test_a_parameter_in_the_flow_is_a_node() -> None:
    """Layer scale is a product with a parameter, whose values can be read."""

    class Scaled(Model):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.full((6,), 0.1))

        def forward(self, x: Tensor) -> Tensor:
            """Scaled, twice, by the same parameter."""
            return x * self.scale * self.scale

    graph = capture(Scaled(), (6,)).train
    (scale,) = graph.of_kind(Kind.PARAMETER)
    assert scale.parameters["value"].path == "scale"
    assert scale.parameters["value"].read().tolist() == pytest.approx([0.1] * 6)
    assert len(graph.consumers(scale)) == 2


def test_tensors_outside_the_registry_are_constants() -> None:
    """Plain attributes, lists of tensors and globals take part with their values."""
    outside = torch.arange(6.0)

    class Plain(Model):
        def __init__(self) -> None:
            super().__init__()
            self.held = torch.ones(6)
            self.several = [torch.zeros(6), torch.ones(6)]

        def forward(self, x: Tensor) -> Tensor:
            """Four kinds of constants."""
            return x * self.held + self.several[1] + outside + torch.arange(6.0)

    graph = capture(Plain(), (6,)).train
    values = [
        node.parameters["value"].read().tolist()
        for node in graph.of_kind(Kind.PARAMETER, Kind.CONSTANT)
    ]
    ramp = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert values == [[1.0] * 6, [1.0] * 6, ramp, ramp]


def test_modules_outside_the_registry_have_the_name_of_their_attribute() -> None:
    """Layers in a plain list are no submodules, but their calls and weights are the model's."""

    class Lists(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Linear(6, 6), nn.Dropout(0.5)]

        def forward(self, x: Tensor) -> Tensor:
            """Through the list."""
            for layer in self.layers:
                x = layer(x)
            return x

    graph = capture(Lists(), (6,)).train
    assert [node.layer for node in graph] == ["", "layers[0]", "layers[1]"]
    assert graph[1].parameters["weight"].path == "layers[0].weight"


def test_control_flow_on_shapes_and_small_constants_works() -> None:
    """Decisions by shape, by counters and by random numbers need no values of activations."""

    class Decides(Model):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.tensor(3))
            self.calls: Tensor

        def forward(self, x: Tensor) -> Tensor:
            """Three decisions."""
            if x.shape[1] == 6:
                x = self.linear(x)
            for _ in range(int(self.calls)):
                x = x.relu()
            if torch.rand(1).item() > 2:
                x = self.drop(x)
            return x

    assert len(capture(Decides(), (6,)).train) == 5


def test_checkpointed_blocks_are_seen_through() -> None:
    """Activation checkpointing hides nothing."""

    class Saves(Model):
        def forward(self, x: Tensor) -> Tensor:
            """A block that is computed again in the backward pass."""
            result: Tensor = checkpoint(lambda y: self.drop(self.linear(y)), x, use_reentrant=False)
            return result

    graph = capture(Saves(), (6,)).train
    assert [node.layer for node in graph] == ["", "linear", "drop"]


def test_custom_autograd_functions_are_kept() -> None:
    """What runs inside one is recorded, or else the function is a node of its own."""

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(_context: object, x: Tensor) -> Tensor:
            """Twice the input."""
            return x * 2

    class Custom(Model):
        def forward(self, x: Tensor) -> Tensor:
            """Through a custom function."""
            result: Tensor = self.drop(Double.apply(self.linear(x)))  # type: ignore[no-untyped-call]
            return result

    graph = capture(Custom(), (6,)).train
    assert [node.operation for node in graph] == ["input_0", "linear", "mul", "dropout"]


def test_compiled_modules_are_seen_through() -> None:
    """Nothing is compiled, and the layers keep the paths they have in the compiled model."""
    plain = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.3))
    wrapped = torch.compile(plain, backend="eager")
    assert isinstance(wrapped, nn.Module)
    graph = capture(wrapped, (6,)).train
    names = [name for name, _ in wrapped.named_modules()]
    assert [node.layer for node in graph][1:] == ["_orig_mod.0", "_orig_mod.1"]
    assert {node.layer for node in graph} <= set(names)
    assert {layer.path for layer in graph.layers} <= set(names)
    assert all(layer.used for layer in graph.layers)


# torch warns of its age from 2.10 on
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_scripted_modules_are_nodes_of_unknown_kind() -> None:
    """Compiled code cannot be looked into, but it is not dropped either."""
    scripted = torch.jit.script(nn.Sequential(nn.Linear(6, 6), nn.ReLU()))
    graph = capture(nn.Sequential(nn.Dropout(0.5), scripted, nn.ReLU()), (6,)).train
    assert [node.kind for node in graph] == [
        Kind.INPUT,
        Kind.NOISE,
        Kind.UNKNOWN,
        Kind.ACTIVATION,
    ]
    assert [node.inputs for node in graph] == [(), (0,), (1,), (2,)]


def test_modes_are_the_users_in_train_and_all_off_in_eval() -> None:
    """A norm frozen in train mode stays frozen; a model in eval mode is trained whole."""
    model = nn.Sequential(nn.BatchNorm1d(6), nn.BatchNorm1d(6))
    model[0].eval()
    captured = capture(model, (6,))
    by_batch = [node.norm.uses_batch_statistics for node in captured.train if node.norm]
    assert by_batch == [False, True]
    whole = capture(model.eval(), (6,))
    assert [node.norm.uses_batch_statistics for node in whole.train if node.norm] == [True, True]
    assert [node.norm.uses_batch_statistics for node in whole.eval if node.norm] == [False, False]
