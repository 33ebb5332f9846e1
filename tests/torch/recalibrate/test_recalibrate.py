"""Recalibrated statistics against float64 statistics of all that reached each layer."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import update_bn

import normdrop
from normdrop.errors import NormdropError, UsageError
from normdrop.verbs import RecalibrateMethod


def _network(rate: float = 0.5) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.Conv2d(8, 8, 3), nn.Dropout(rate), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(128, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)),
    )


_NORMS = ("1", "5", "9")


def _data(count: int = 4, size: int = 16) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [1 + 2 * torch.randn(size, 3, 8, 8, generator=generator) for _ in range(count)]


def _settled(model: nn.Module, batches: list[Tensor], epochs: int = 10) -> nn.Module:
    with torch.no_grad():
        for _ in range(epochs):
            for batch in batches:
                model(batch)
    return model


def _reached(model: nn.Module, batches: list[Tensor], *, by_batch: bool) -> dict[str, Any]:
    """All values that reach each norm, in float64, with dropout off."""
    model = copy.deepcopy(model).double().eval()
    kept: dict[str, list[Tensor]] = {path: [] for path in _NORMS}
    for path in _NORMS:
        norm = model.get_submodule(path).train(by_batch)
        norm.register_forward_pre_hook(lambda _, args, path=path: kept[path].append(args[0]))
    with torch.no_grad():
        for batch in batches:
            model(batch.double())
    return {
        path: np.concatenate([x.transpose(0, 1).flatten(1).T.numpy() for x in values])
        for path, values in kept.items()
    }


def _assert_statistics(model: nn.Module, reached: dict[str, Any]) -> None:
    for path, values in reached.items():
        norm = model.get_submodule(path)
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        np.testing.assert_allclose(variance, values.var(0), rtol=1e-4)
        assert np.abs((mean.numpy() - values.mean(0)) / values.std(0)).max() < 1e-4


@pytest.mark.parametrize("training", [True, False])
def test_batch_is_what_reached_the_layers(*, training: bool) -> None:
    """One pass over a generator, batches of two sizes: within 1e-4 of the float64 statistics."""
    model, batches = _network(), [*_data(), _data(1, 5)[0]]
    model.train(training)
    reached = _reached(model, batches, by_batch=True)
    buffers = [id(buffer) for buffer in model.buffers()]
    done = normdrop.recalibrate(model, (batch for batch in batches))
    _assert_statistics(model, reached)
    assert [id(buffer) for buffer in model.buffers()] == buffers
    assert model.get_buffer("1.num_batches_tracked").item() == 5
    assert (model.training, done.after, done.method) == (training, None, "batch")


def test_exact_is_used_with_what_it_saw() -> None:
    """In eval mode every layer meets the statistics it has, however the data are batched."""
    batches = _data()
    model = _settled(_network(), batches)
    done = normdrop.recalibrate(model, batches, method="exact")
    _assert_statistics(model, _reached(model, batches, by_batch=False))
    assert done.after is not None
    assert all(layer.shift == pytest.approx(1, abs=1e-4) for layer in done.after)
    assert done.before["5"].severity == "error"
    again = _settled(_network(), batches)
    single = [row.unsqueeze(0) for batch in batches for row in batch]
    normdrop.recalibrate(again, single, method="exact")
    for path in _NORMS:
        expected = model.get_submodule(path).get_buffer("running_var")
        found = again.get_submodule(path).get_buffer("running_var")
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


def test_deep_chains_settle() -> None:
    """Each of many layers in a row depends on all before it."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Tanh()) for _ in range(9))
    )
    batches = [3 + torch.randn(32, 8) for _ in range(3)]
    done = normdrop.recalibrate(model, batches, method="exact")
    assert "Settled" in done.notes[1]
    assert done.after is not None
    assert all(layer.shift == pytest.approx(1, abs=1e-4) for layer in done.after)


def test_undo_and_context() -> None:
    """Statistics and counters come back, also after later updates and after an exception."""
    batches = _data()
    model = _settled(_network(), batches)
    before = copy.deepcopy(model.state_dict())
    done = normdrop.recalibrate(model, batches)
    assert not torch.equal(model.get_buffer("5.running_var"), before["5.running_var"])
    _settled(model, batches, epochs=1)
    done.undo()
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)

    def fail() -> None:
        with normdrop.recalibrated(model, batches, method="exact") as inside:
            assert inside.method == "exact"
            assert not torch.equal(model.get_buffer("5.running_var"), before["5.running_var"])
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


class _Frozen(nn.Module):
    """A norm that always goes by its running statistics, as detectron2's does."""

    def __init__(self) -> None:
        super().__init__()
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(8))
        self.register_buffer("running_var", torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return functional.batch_norm(x, self.running_mean, self.running_var, training=False)


class _KeepsFirst(nn.Sequential):
    """Keeps its first norm in eval mode, as models that fine-tune do."""

    def train(self, mode: bool = True) -> "_KeepsFirst":  # noqa: FBT001, FBT002 - torch's signature
        super().train(mode)
        self[1].eval()
        return self


@pytest.mark.parametrize("method", ["batch", "exact"])
@pytest.mark.parametrize("how", ["eval", "own", "momentum", "named", "functional"])
def test_frozen_layers_stay(how: str, method: RecalibrateMethod) -> None:
    """Whichever way a layer is frozen, its statistics stay; the others' are re-estimated."""
    model, batches = _network(), _data()
    if how == "eval":
        model[1].eval()
    elif how == "own":
        model = _KeepsFirst(*model).eval()
    elif how == "momentum":
        norm = model[1]
        assert isinstance(norm, nn.BatchNorm2d)
        norm.momentum = 0.0
    elif how == "functional":
        model[1] = _Frozen()
    frozen = ("1",) if how == "named" else ()
    done = normdrop.recalibrate(model, batches, method=method, frozen=frozen)
    assert done.frozen == ("1",)
    assert set(done.stored) == {"5", "9"}
    assert torch.equal(model.get_buffer("1.running_var"), torch.ones(8))
    assert not torch.equal(model.get_buffer("5.running_var"), torch.ones(8))
    assert "1 (frozen)" in str(done)


def test_a_metric_before_and_after() -> None:
    """With it the shifts that stay are measured, too."""
    batches = [(batch, torch.zeros(len(batch))) for batch in _data()]
    model = _settled(_network(), [x for x, _ in batches])

    def spread(outputs: Tensor, _: Tensor) -> Tensor:
        return outputs.std()

    done = normdrop.recalibrate(model, batches, spread)
    assert done.after is not None
    assert done.metric == "spread"
    assert done.metric_before != pytest.approx(done.metric_after, rel=0.05)
    model.eval()
    with torch.no_grad():
        expected = sum(spread(model(x), y).item() for x, y in batches) / len(batches)
    assert done.metric_after == pytest.approx(expected, rel=1e-5)
    record = done.to_dict()
    assert record["metric_after"] == pytest.approx(expected, rel=1e-5)
    frame = done.to_dataframe()
    assert list(frame["path"]) == [layer.path for layer in done.before]
    assert frame["shift_after"].between(0.8, 1.25).all()
    assert "spread" in str(done)
    assert "<table" in done._repr_html_()


def test_update_bn_leaves_the_noise_in() -> None:
    """Beside torch's own: it agrees without dropout, and keeps dropout's variance with it."""
    batches = _data(8, 64)
    for rate, apart in ((0.0, False), (0.5, True)):
        ours, theirs = _network(rate), _network(rate)
        normdrop.recalibrate(ours, batches)
        update_bn(batches, theirs)
        ratio = (ours.get_buffer("5.running_var") / theirs.get_buffer("5.running_var")).mean()
        assert (ratio < 0.8) == apart


@pytest.mark.parametrize("kind", ["nan", "raise", "shape"])
@pytest.mark.parametrize("method", ["batch", "exact"])
def test_after_an_error_the_model_is_as_it_was(kind: str, method: RecalibrateMethod) -> None:
    """Also when the second of several passes fails."""
    batches = _data()
    model = _settled(_network(), batches)
    before = copy.deepcopy(model.state_dict())
    passes = 0

    class _Spoiled:
        def __iter__(self) -> Iterator[Tensor]:
            nonlocal passes
            passes += 1
            yield batches[0]
            if passes < 2 and method == "exact":
                return
            if kind == "raise":
                raise OSError("gone")
            yield batches[1][:, :2] if kind == "shape" else batches[1] * float("nan")

    with pytest.raises(NormdropError):
        normdrop.recalibrate(model, _Spoiled(), method=method)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_without_data_corrects_settled_statistics() -> None:
    """Where dropout sits before the norm, most of the shift goes, with no data read."""
    torch.manual_seed(0)
    batches = _data(20, 64)
    model = _settled(_network(), batches, epochs=3)
    before = normdrop.measure(model, batches)["5"].shift
    done = normdrop.recalibrate(model, None, example=(3, 8, 8))
    after = normdrop.measure(model, batches)["5"].shift
    assert before < 0.6
    assert abs(np.log(after)) < 0.15 * abs(np.log(before))
    assert done.method == "inverted"
    done.undo()
    assert normdrop.measure(model, batches)["5"].shift == before


def test_without_data_refuses_statistics_that_lag() -> None:
    """The reason is in the error, and the model stays as it was."""
    model = _settled(_network(), _data(3), epochs=1)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(NormdropError, match="do not fit the weights"):
        normdrop.recalibrate(model, None, example=(3, 8, 8))
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (((),), {}, "no batches"),
        (([torch.randn(1, 3, 5, 5)],), {}, r"one value per channel at norm layer '5'"),
        ((None,), {}, "takes an example"),
        (([],), {"example": (3, 8, 8)}, "not both"),
        (([],), {"method": "precise"}, "unknown method 'precise'"),
        ((iter(()),), {"method": "exact"}, "several times"),
        ((iter(()), len), {}, "several times"),
        (([],), {"frozen": ["stem"]}, "frozen names 'stem'"),
    ],
)
def test_what_cannot_be_done(
    arguments: tuple[Any, ...], settings: dict[str, Any], words: str
) -> None:
    """The error says what is missing and what to do."""
    with pytest.raises(UsageError, match=words):
        normdrop.recalibrate(_network(), *arguments, **settings)


def test_nothing_to_estimate() -> None:
    """All frozen, or no norm at all."""
    model = _network()
    for path in _NORMS:
        model.get_submodule(path).eval()
    with pytest.raises(UsageError, match="every norm layer is frozen"):
        normdrop.recalibrate(model, _data())
    with pytest.raises(UsageError, match="no norm layer"):
        normdrop.recalibrate(nn.Linear(3, 3), [torch.randn(2, 3)])
