"""Recalibration without data: long chains, raw columns, a few examples, and what is not trusted."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import normdrop
from normdrop.torch._synthetic import SyntheticInputs
from normdrop.verbs._without_data import _Move, _shrunk, _spread, _Verified

CPU = torch.device("cpu")


def _chain(length: int, rate: float, width: int = 24) -> nn.Sequential:
    torch.manual_seed(0)
    steps = [
        step
        for _ in range(length)
        for step in (nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(rate))
    ]
    return nn.Sequential(*steps, nn.Linear(width, 3))


def _settled(model: nn.Module, data: Tensor) -> nn.Module:
    with torch.no_grad():
        for _ in range(3):
            for batch in torch.split(data, 64):
                model(batch)
    return model.eval()


def _farthest(model: nn.Module, data: Tensor) -> float:
    found = normdrop.measure(model, list(torch.split(data, 256)))
    return max(abs(float(np.log(each.shift))) for each in found)


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_every_norm_of_a_long_chain(scale: float) -> None:
    """The farthest of twelve norms comes nearer, also where columns are far from unit variance."""
    units = torch.logspace(0, 1, 24) * scale
    data = torch.randn(2048, 24, generator=torch.Generator().manual_seed(1)) * units + units
    model = _settled(_chain(12, 0.2), data)
    before = _farthest(model, data)
    done = normdrop.recalibrate(model, None, example=(24,))
    assert before > 0.15
    assert _farthest(model, data) < 0.6 * before
    assert len(done.stored) + len(done.frozen) == 12
    assert all(layer.error is not None for layer in done.before)
    assert "not made from" in done.notes[1]


def test_progress_comes_to_its_end() -> None:
    """Each inversion and the verification is told."""
    data = torch.randn(1024, 24, generator=torch.Generator().manual_seed(1))
    told: list[tuple[int, int | None]] = []
    normdrop.recalibrate(
        _settled(_chain(2, 0.3), data),
        None,
        example=data[:32],
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(number, 4) for number in range(5)]


def test_examples_are_started_from_where_they_lie() -> None:
    """Rows of a part, standardised; placed again they are the rows themselves."""
    rows = torch.randn(12, 3, 5, 5) * 40 + 100
    made_up = SyntheticInputs(rows, 0, CPU)
    found = made_up.near(8, 1, 3)
    assert found is not None
    inputs, places = found
    (x,), _ = inputs
    assert x[:4].mean().item() == pytest.approx(0, abs=1e-5)
    (placed,), _ = made_up.placed(inputs, places)
    torch.testing.assert_close(placed[:4], rows[1::3], rtol=1e-4, atol=1e-3)
    assert 5 < (placed[4:] - rows[1::3]).std() < 20  # repeated, and told apart


@pytest.mark.parametrize(
    "example", [(3, 8, 8), torch.randn(5, 3), (torch.randn(9, 4), torch.randint(9, (2, 20)))]
)
def test_nothing_to_start_from(example: object) -> None:
    """A shape, fewer than two rows for each part, or rows that mean something."""
    assert SyntheticInputs(example, 0, CPU).near(8, 0, 3) is None


def test_edges_of_a_graph_are_kept() -> None:
    """Nodes are made up as many as there are; whole numbers in other rows stay."""
    edges = torch.randint(9, (2, 20))
    (x, kept), _ = SyntheticInputs((torch.randn(9, 4), edges), 0, CPU).draw(64)
    assert x.shape == (9, 4)
    assert torch.equal(kept, edges)


def test_only_what_candidates_agree_on_is_kept() -> None:
    """Differences between channels that are noise go; the layer's mean stays."""
    noise = np.random.default_rng(0).normal(1, 0.1, (3, 400))
    shrunk = _shrunk(list(noise), whole=True)
    assert np.std(shrunk) < 0.02
    assert np.mean(shrunk) == pytest.approx(noise.mean())
    agreed = np.linspace(0.2, 1, 400)
    kept = _shrunk([agreed, agreed + 0.01, agreed - 0.01], whole=True)
    np.testing.assert_allclose(kept, agreed, atol=0.01)
    assert np.abs(_shrunk(list(noise - 1), whole=False)).max() < 0.05


def test_layers_that_come_out_farther_are_named() -> None:
    """Of a verification: what is small or better is no harm."""
    found = _Verified({"a": 0.5, "b": 0.5, "c": 0.001}, {"a": 0.1, "b": 0.9, "c": 0.01}, 0.0, 0.0)
    assert found.harms == {"b"}
    assert found.left == pytest.approx(1.01 / 1.001)


def test_error_is_that_of_the_candidates() -> None:
    """The standard error of the mean of their logarithms."""
    moves = [_Move(np.full(4, ratio), np.zeros(4)) for ratio in (0.5, 0.5 * np.e)]
    assert _spread(moves) == pytest.approx(0.5)
