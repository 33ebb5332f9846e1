"""Questions about graphs, on graphs written by hand and on captured ones against brute force."""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody gives it
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from normdrop.shifts.graph import (
    Along,
    Details,
    Distribution,
    Graph,
    Kind,
    Mode,
    Node,
    Noise,
    Norm,
    Sum,
    Weight,
)
from normdrop.shifts.graph.paths import (
    active_noise,
    heads,
    never_called,
    noise_before,
    norms_after,
    residual_branches,
)
from normdrop.torch.capture import capture

ON = Noise(Distribution.BERNOULLI, Along.ELEMENT, active=True, rate=0.5, scale=2.0)
OFF = Noise(Distribution.BERNOULLI, Along.ELEMENT, active=False, rate=0.5, scale=2.0)


def norm(*, carries: bool = True) -> Norm:
    """A batch norm, or a layer norm."""
    return Norm(
        "batch" if carries else "layer",
        carries_statistics=carries,
        uses_batch_statistics=True,
        updates_statistics=carries,
        axes=(0,),
        eps=1e-5,
    )


DETAILS: dict[str, tuple[Kind, Details | None]] = {
    "drop": (Kind.NOISE, ON),
    "off": (Kind.NOISE, OFF),
    "norm": (Kind.NORM, norm()),
    "layernorm": (Kind.NORM, norm(carries=False)),
    "weight": (Kind.WEIGHT, Weight("linear")),
    "add": (Kind.ADD, Sum((1.0, 1.0))),
    "relu": (Kind.ACTIVATION, None),
}


def graph(*calls: tuple[str, tuple[int, ...]]) -> Graph:
    """A graph of calls by name and inputs; node 0 is the input."""
    nodes = [Node(0, Kind.INPUT, "input", (), (2, 3), "float32")]
    for name, inputs in calls:
        kind, details = DETAILS[name]
        nodes.append(Node(len(nodes), kind, name, inputs, (2, 3), "float32", details=details))
    return Graph(tuple(nodes), (0,), (len(nodes) - 1,), Mode.TRAIN)


def test_a_norm_stops_the_noise_behind_it() -> None:
    """Only noise after the previous statistics-carrying norm reaches the next one."""
    chain = graph(("drop", (0,)), ("norm", (1,)), ("drop", (2,)), ("weight", (3,)), ("norm", (4,)))
    (first,) = noise_before(chain, chain[2])
    (second,) = noise_before(chain, chain[5])
    assert (first.noise.id, first.direct) == (1, True)
    assert (second.noise.id, [node.id for node in second.steps]) == (3, [4])
    assert [path.norm.id for path in norms_after(chain, chain[1])] == [2]


def test_a_norm_without_statistics_is_a_step() -> None:
    """Layer norm does not shield a batch norm."""
    chain = graph(("drop", (0,)), ("layernorm", (1,)), ("norm", (2,)))
    (path,) = noise_before(chain, chain[3])
    assert [node.operation for node in path.steps] == ["layernorm"]


def test_noise_that_is_off_reaches_nothing() -> None:
    """A rate of zero or eval mode leaves no path."""
    chain = graph(("off", (0,)), ("norm", (1,)))
    assert noise_before(chain, chain[2]) == ()
    assert active_noise(chain) == ()


def test_paths_fork_and_join() -> None:
    """The steps are a shortest way, and the nodes of the longer one are between."""
    fork = graph(("drop", (0,)), ("weight", (1,)), ("relu", (2,)), ("add", (3, 1)), ("norm", (4,)))
    (path,) = noise_before(fork, fork[5])
    assert [node.id for node in path.steps] == [4]
    assert [node.id for node in path.between] == [2, 3, 4]


def test_the_nearest_noise_comes_first() -> None:
    """By the number of steps."""
    chain = graph(("drop", (0,)), ("weight", (1,)), ("drop", (2,)), ("norm", (3,)))
    assert [path.noise.id for path in noise_before(chain, chain[4])] == [3, 1]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_paths_agree_with_enumeration(data: st.DataObject) -> None:
    """On random graphs: a path exists exactly if walking every path by brute force finds one."""
    calls = []
    for index in range(data.draw(st.integers(1, 9))):
        name = data.draw(st.sampled_from(["drop", "norm", "layernorm", "weight", "add"]))
        count = 2 if name == "add" else 1
        sources = st.integers(0, index)
        calls.append((name, tuple(data.draw(sources) for _ in range(count))))
    built = graph(*calls)

    def ways(node: Node, target: Node) -> list[tuple[int, ...]]:
        found: list[tuple[int, ...]] = []
        for consumer in built.consumers(node):
            if consumer.id == target.id:
                found.append(())
            elif not consumer.carries_statistics:
                found += [(consumer.id, *way) for way in ways(consumer, target)]
        return found

    for target in built:
        if not target.carries_statistics:
            continue
        paths = {path.noise.id: path for path in noise_before(built, target)}
        for node in active_noise(built):
            every = ways(node, target)
            assert bool(every) == (node.id in paths)
            if every:
                path = paths[node.id]
                assert tuple(each.id for each in path.steps) in every
                assert len(path.steps) == min(map(len, every))
                assert {each.id for each in path.between} == {i for way in every for i in way}


class Block(nn.Module):
    """A residual block with a squeeze-excite gate and an optional projection."""

    def __init__(self, wide: int, *, project: bool) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(wide, wide, 3, padding=1), nn.BatchNorm2d(wide)
        self.conv2, self.norm2 = nn.Conv2d(wide, wide, 3, padding=1), nn.BatchNorm2d(wide)
        self.squeeze, self.excite = nn.Linear(wide, 2), nn.Linear(2, wide)
        self.project = nn.Conv2d(wide, wide, 1) if project else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Two convolutions, gated, added to the (projected) input."""
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(y.mean((2, 3))))))
        y = y * gate[:, :, None, None]
        result: Tensor = y + self.project(x)
        return F.relu(result)


class Net(nn.Module):
    """A stem, blocks, and a head with dropout."""

    def __init__(self, *, project: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.blocks = nn.Sequential(Block(8, project=project), Block(8, project=project))
        self.pool, self.drop = nn.AdaptiveAvgPool2d(1), nn.Dropout(0.5)
        self.fc, self.spare = nn.Linear(8, 10), nn.Sequential(nn.Linear(2, 2), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Features, then the head."""
        x = self.blocks(F.relu(self.stem(x)))
        result: Tensor = self.fc(self.drop(self.pool(x).flatten(1)))
        return result


def test_residual_branches_of_a_network() -> None:
    """Each block's branch ends in its second norm; the gate is a detour; the trunk is the input."""
    net = capture(Net(project=False), (3, 16, 16)).train
    branches = residual_branches(net)
    assert [branch.add.module for branch in branches] == ["blocks.0", "blocks.1"]
    for number, branch in enumerate(branches):
        assert branch.last_norm is not None
        assert branch.last_weight is not None
        assert branch.last_norm.layer == f"blocks.{number}.norm2"
        assert branch.last_weight.layer == f"blocks.{number}.conv2"
        assert branch.shortcut == ()
        assert branch.trunk is branch.fork
        assert branch.fork.operation == "relu"
        assert {f"blocks.{number}.excite"} < {node.layer for node in branch.nodes}


def test_a_projection_is_the_shortcut() -> None:
    """The side with fewer layers is the trunk."""
    branches = residual_branches(capture(Net(project=True), (3, 16, 16)).train)
    assert [[node.layer for node in branch.shortcut] for branch in branches] == [
        ["blocks.0.project"],
        ["blocks.1.project"],
    ]
    assert [branch.trunk.layer for branch in branches] == ["blocks.0.project", "blocks.1.project"]


def test_sums_that_are_no_residuals() -> None:
    """A bias, two inputs, and a sum of two plain activations are no branches."""

    def captured(function: Callable[..., Tensor], *shapes: tuple[int, ...]) -> Graph:
        class Calls(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.bias = nn.Parameter(torch.zeros(6))
                self.linear = nn.Linear(6, 6)

            def forward(self, *args: Tensor) -> Tensor:
                """The function."""
                return function(self, *args)

        return capture(Calls(), shapes).train

    for example in (
        captured(lambda model, x: model.linear(x) + model.bias, (6,)),
        captured(lambda model, x, y: model.linear(x) + y, (6,), (6,)),
        captured(lambda _, x: x.sigmoid() + x.tanh(), (6,)),
    ):
        assert example.of_kind(Kind.ADD)
        assert residual_branches(example) == ()
    assert len(residual_branches(captured(lambda model, x: model.linear(x) + x, (6,)))) == 1


def test_heads() -> None:
    """From the pool on where there is one; after the last norm in a plain perceptron."""
    net = capture(Net(project=False), (3, 16, 16)).train
    (head,) = heads(net)
    assert [node.layer for node in head] == ["pool", "flatten()", "drop", "fc"]
    plain = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))
    (head,) = heads(capture(plain, (6,)).train)
    assert [node.layer for node in head] == ["2", "3"]


def test_layers_that_are_never_called() -> None:
    """The outermost unused module is named once, and one that runs in either mode is used."""

    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.main, self.helper = nn.Linear(6, 6), nn.Linear(6, 6)
            self.spare = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))

        def forward(self, x: Tensor) -> Tensor:
            """An auxiliary layer in train mode only."""
            result: Tensor = self.helper(self.main(x)) if self.training else self.main(x)
            return result

    captured = capture(Sometimes(), (6,))
    assert [layer.path for layer in never_called(captured.train, captured.eval)] == ["spare"]
    assert [layer.path for layer in never_called(captured.eval)] == ["helper", "spare"]
