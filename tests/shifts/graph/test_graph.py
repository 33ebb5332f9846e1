"""The graph's values: lookups, moments of noise, and their form as JSON."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop.shifts.graph import (
    Along,
    Attention,
    Distribution,
    Graph,
    Kind,
    Layer,
    Mode,
    Node,
    Noise,
    Norm,
    Parameter,
)
from normdrop.values.location import Location

DROPOUT = Noise(Distribution.BERNOULLI, Along.ELEMENT, active=True, rate=0.5, scale=2.0)
BATCH_NORM = Norm(
    "batch",
    carries_statistics=True,
    uses_batch_statistics=True,
    updates_statistics=True,
    axes=(0,),
    eps=1e-5,
    momentum=0.1,
)


def small_graph() -> Graph:
    """Input, dropout, batch norm, and the sum of the last two."""
    gamma = Parameter("bn.weight", (3,), "float32", lambda: np.ones(3, np.float32))
    nodes = (
        Node(0, Kind.INPUT, "input", (), (2, 3), "float32"),
        Node(1, Kind.NOISE, "dropout", (0,), (2, 3), "float32", layer="drop", details=DROPOUT),
        Node(
            2,
            Kind.NORM,
            "batch_norm",
            (1,),
            (2, 3),
            "float32",
            layer="bn",
            location=Location("model.py", 7),
            channel_axis=1,
            details=BATCH_NORM,
            parameters={"gamma": gamma},
        ),
        Node(3, Kind.ADD, "add", (1, 2), (2, 3), "float32"),
    )
    layers = (Layer("bn", "BatchNorm1d", 1, used=True, leaf=True, training=True),)
    return Graph(nodes, (0,), (3,), Mode.TRAIN, layers, batch_size=2)


def test_neighbours_are_found_both_ways() -> None:
    """Consumers come in the order of calls, sources in the order of arguments."""
    graph = small_graph()
    assert [node.id for node in graph.consumers(graph[1])] == [2, 3]
    assert [node.id for node in graph.sources(graph[3])] == [1, 2]
    assert graph.consumers(graph[3]) == ()


def test_nodes_are_found_by_kind_and_layer() -> None:
    """Kinds may be asked for together, and a layer yields all of its calls."""
    graph = small_graph()
    assert [node.id for node in graph.of_kind(Kind.NORM, Kind.NOISE)] == [1, 2]
    assert [node.id for node in graph.of_layer("bn")] == [2]
    assert len(graph) == len(list(graph)) == 4


def test_a_node_knows_its_noise_wherever_it_sits() -> None:
    """Noise inside attention counts as noise, a norm's details do not."""
    graph = small_graph()
    inside = Node(0, Kind.ATTENTION, "attention", (), (2, 3), "float32", details=Attention(DROPOUT))
    assert graph[1].noise is DROPOUT
    assert inside.noise is DROPOUT
    assert graph[2].noise is None
    assert graph[2].norm is BATCH_NORM
    assert graph[2].carries_statistics
    assert not graph[1].carries_statistics


def test_a_parameter_reads_what_the_model_holds_now() -> None:
    """Values are read late, without a copy, and cannot be written through."""
    held = np.zeros(2)
    parameter = Parameter("weight", (2,), "float64", lambda: held)
    held[0] = 3.0
    values = parameter.read()
    assert values.tolist() == [3.0, 0.0]
    assert np.shares_memory(values, held)
    with pytest.raises(ValueError, match="read-only"):
        values[1] = 1.0
    held[1] = 1.0


@given(rate=st.floats(0.0, 0.9), spread=st.floats(0.0, 1.0), seed=st.integers(0, 2**31))
def test_moments_of_noise_are_those_of_its_draws(rate: float, spread: float, seed: int) -> None:
    """The stated mean and second moment are those of simulated multipliers.

    Each of the six comparisons is at 6 standard errors: less than 1e-7 per example.
    """
    random = np.random.default_rng(seed)
    count = 20_000
    draws = {
        Distribution.BERNOULLI: (random.random(count) >= rate).astype(float),
        Distribution.GAUSSIAN: random.normal(1.0, spread, count),
        Distribution.UNIFORM: random.uniform(1 - spread, 1 + spread, count),
    }
    for distribution, multiplier in draws.items():
        noise = Noise(
            distribution, Along.ELEMENT, active=True, rate=rate, spread=spread, scale=1.25
        )
        for power, stated in ((1, noise.mean), (2, noise.second_moment_factor)):
            values = (1.25 * multiplier) ** power
            error = 6 * (values.std() + 0.01) / np.sqrt(count)
            assert abs(values.mean() - stated) <= error


def test_noise_that_is_off_changes_nothing() -> None:
    """An inactive call has a multiplier of exactly 1."""
    off = Noise(Distribution.BERNOULLI, Along.ELEMENT, active=False, rate=0.5, scale=2.0)
    assert off.mean == 1.0
    assert off.second_moment_factor == 1.0
