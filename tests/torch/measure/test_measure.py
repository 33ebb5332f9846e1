"""Measured statistics against all values kept and reduced in float64 at once."""

import copy
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

import normdrop
from normdrop.errors import CaptureError, UsageError


class _Net(nn.Module):
    """Norm layers of torch's, in a functional call, and in a module that hides them."""

    def __init__(self, *, functional_norm: bool = True) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU())
        self.drop = nn.Dropout2d(0.3)
        self.functional_norm = functional_norm
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", 0.1 * torch.ones(6))
        self.register_buffer("running_var", 2 * torch.ones(6))
        self.last = nn.Sequential(nn.Flatten(), nn.Linear(96, 5), nn.BatchNorm1d(5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.first(x))
        if self.functional_norm:
            x = functional.batch_norm(
                x, self.running_mean, self.running_var, training=self.training
            )
        scores: Tensor = self.last(x)
        return scores


def _data(count: int = 3, size: int = 5, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [2 + torch.randn(size, 3, 6, 6, generator=generator) for _ in range(count)]


def _reached(model: nn.Module, path: str, batches: list[Tensor]) -> np.ndarray[Any, Any]:
    """All values that reach a norm module in eval mode, (values, channels), in float64."""
    kept: list[Tensor] = []
    model = copy.deepcopy(model).double().eval()
    hook = model.get_submodule(path).register_forward_pre_hook(lambda _, args: kept.append(args[0]))
    with torch.no_grad():
        for batch in batches:
            model(batch.double())
    hook.remove()
    return np.concatenate([x.transpose(0, 1).flatten(1).T.numpy() for x in kept])


@pytest.mark.parametrize("functional_norm", [True, False])
@pytest.mark.parametrize("last", [5, 2])
def test_statistics_are_those_of_all_values(*, functional_norm: bool, last: int) -> None:
    """Means within 1e-6 deviations and variances within 1e-6; running ones are the layer's own."""
    model = _Net(functional_norm=functional_norm)
    batches = [*_data(), _data(1, last, seed=9)[0]]
    report = normdrop.measure(model, batches)
    assert {layer.path for layer in report} == {"first.1", "last.2"} | (
        {""} if functional_norm else set()
    )
    for path in ("first.1", "last.2"):
        values = _reached(model, path, batches)
        layer = report[path]
        np.testing.assert_allclose(np.asarray(layer.eval_variance), values.var(0), rtol=2e-6)
        off = (np.asarray(layer.eval_mean) - values.mean(0)) / values.std(0)
        assert np.abs(off).max() < 2e-6
        norm = model.get_submodule(path)
        np.testing.assert_array_equal(layer.train_variance, norm.get_buffer("running_var"))
    assert f"{len(batches)} batches, {15 + last} examples" in report.notes[0]


def test_a_functional_norm_is_measured() -> None:
    """Its statistics are those of the output of the layer before it."""
    model, batches = _Net(), _data()
    values = torch.cat([model.eval().first(batch) for batch in batches]).detach().double()
    layer = normdrop.measure(model, batches)[""]
    expected = values.var((0, 2, 3), correction=0) / 2
    np.testing.assert_allclose(layer.shift_per_channel, expected, rtol=1e-5)


def test_a_norm_called_twice_counts_both() -> None:
    """A shared norm is measured on everything it meets."""
    norm = nn.BatchNorm1d(2)
    model = nn.Sequential(norm, nn.Linear(2, 2), norm)
    x = torch.randn(8, 2)
    values = torch.cat([x, model[1](norm.eval()(x))]).detach()
    layer = normdrop.measure(model, [x])["0"]
    np.testing.assert_allclose(
        np.asarray(layer.eval_variance), values.var(0, correction=0), rtol=1e-5
    )


def test_the_reading_does_not_matter() -> None:
    """A list, a generator, pairs, dicts and channels-last tensors give the same statistics."""
    model, batches = _Net(), _data()
    last = [batch.to(memory_format=torch.channels_last) for batch in batches]
    readings: list[Iterable[object]] = [
        (batch for batch in batches),
        [(batch, torch.zeros(5)) for batch in batches],
        [{"x": batch, "label": 0} for batch in batches],
        last,
    ]
    expected = np.asarray(normdrop.measure(model, batches)["last.2"].eval_variance)
    for reading in readings:
        found = np.asarray(normdrop.measure(model, reading)["last.2"].eval_variance)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_distributed_and_compiled_models(tmp_path: Path) -> None:
    """The model inside is measured, and its paths are its own."""
    model, batches = _Net(), _data()
    expected = normdrop.measure(model, batches).to_dict()
    dist.init_process_group("gloo", f"file://{tmp_path / 'group'}", world_size=1, rank=0)
    try:
        wrapped: nn.Module = DistributedDataParallel(model)
        assert normdrop.measure(wrapped, batches).to_dict() == expected
    finally:
        dist.destroy_process_group()
    compiled: Any = torch.compile(model, backend="eager")
    assert normdrop.measure(compiled, batches).to_dict() == expected


def _snapshot(model: nn.Module) -> dict[str, object]:
    return {
        "state": copy.deepcopy(model.state_dict()),
        "buffers": [id(buffer) for buffer in model.buffers()],
        "modes": [module.training for module in model.modules()],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "gradients": [copy.deepcopy(p.grad) for p in model.parameters()],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "hooks": [
            len(module._forward_hooks) + len(module._forward_pre_hooks)  # noqa: SLF001
            for module in model.modules()
        ],
        "random": torch.get_rng_state(),
        "grad mode": torch.is_grad_enabled(),
    }


def _same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


def _spoiled(kind: str) -> Iterator[object]:
    first, second = _data(2)
    yield first
    if kind == "nan":
        yield second.fill_(float("nan"))
    elif kind == "shape":
        yield second[:, :2]
    elif kind == "loader":
        raise OSError("gone")
    else:
        yield second


def _count(outputs: Tensor, targets: object) -> int:
    del targets
    return len(outputs)


@settings(max_examples=24)
@given(
    modes=st.lists(st.booleans(), min_size=9, max_size=9),
    functional_norm=st.booleans(),
    kind=st.sampled_from(["", "nan", "shape", "loader"]),
    verb=st.sampled_from(["measure", "blame", "metric", "recalibrate", "modes"]),
)
def test_the_model_is_left_alone(
    modes: list[bool], *, functional_norm: bool, kind: str, verb: str
) -> None:
    """Modes, buffers, hooks, gradients and random state survive every verb, errors or not."""
    torch.manual_seed(0)
    model = _Net(functional_norm=functional_norm)
    for module, training in zip(model.modules(), modes, strict=False):
        module.training = training
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = _snapshot(model)
    try:
        if verb == "recalibrate":
            normdrop.recalibrate(model, _spoiled(kind)).undo()
        elif verb == "modes":
            with normdrop.modes(model, dropout=True, norm="batch"), torch.random.fork_rng():
                for batch in _spoiled(kind):
                    model(batch)
        else:
            metric = _count if verb == "metric" else None
            normdrop.measure(model, _spoiled(kind), metric, blame=verb == "blame")
    except (UsageError, CaptureError, OSError, RuntimeError) as error:
        frozen = "frozen" in str(error)
        assert kind or frozen
    after = _snapshot(model)
    assert [key for key in before if not _same(before[key], after[key])] == []


def test_blame_shares_the_shift_among_noise_layers() -> None:
    """A dropout that stands before the norm has all of it, one after it none."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(8, 64), nn.Dropout(0.5), nn.BatchNorm1d(64), nn.ReLU()),
        *(nn.Dropout(0.3), nn.Linear(64, 64), nn.BatchNorm1d(64)),
    )
    batches = [torch.randn(64, 8) for _ in range(6)]
    for batch in itertools.chain(*[batches] * 5):
        model(batch)
    report = normdrop.measure(model, (batch for batch in batches), blame=True)
    assert dict(report["2"].causes) == {"1": 1.0}
    assert set(report["6"].causes) == {"1", "4"}
    assert sum(report["6"].causes.values()) == pytest.approx(1.0)
    assert dict(normdrop.measure(model, batches)["2"].causes) == {}


def test_li_metric_is_at_least_one() -> None:
    """max(Δ, 1/Δ), in the record, too."""
    model = nn.BatchNorm1d(2)
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    layer = normdrop.measure(model, [x])[""]
    assert layer.shift == pytest.approx(0.25)
    assert layer.shift_ratio == pytest.approx(4.0)
    assert layer.to_dict()["shift_ratio"] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([torch.full((4, 3), float("nan"))], "batch 1 brings NaN"),
        ([torch.randn(1, 3)], "one value per channel"),
        ([torch.randn(4, 2)], r"batch 1, 0: RuntimeError"),
        ([], "there are no batches"),
    ],
)
def test_bad_data(batches: list[Tensor], words: str) -> None:
    """What is wrong with it, and in which batch."""
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    with pytest.raises((UsageError, CaptureError), match=words):
        normdrop.measure(model, batches)


def test_models_without_values_or_norms() -> None:
    """A model on `meta` is refused; one without norm layers has an empty report."""
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    with pytest.raises(UsageError, match=r"0.weight is on the meta device"):
        normdrop.measure(model, [torch.randn(2, 3)])
    assert len(normdrop.measure(nn.Linear(3, 3), [torch.randn(2, 3)])) == 0


class _Collector:
    """A metric that collects, as torchmetrics' do."""

    def __init__(self) -> None:
        self.values: list[Tensor] = []

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        self.values.append(outputs.sum(1) - targets)

    def compute(self) -> Tensor:
        return torch.cat(self.values).mean()

    def reset(self) -> None:
        self.values = []


def _difference(outputs: Tensor, targets: Tensor) -> float:
    return (outputs.sum(1) - targets).mean().item()


def test_metrics_of_both_kinds_agree() -> None:
    """Four modes, by a function and by a collector that is left alone; eval and train by hand."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    batches = [(torch.randn(6, 3), torch.randn(6)), (torch.randn(2, 3), torch.randn(2))]
    collector = _Collector()
    collector.update(torch.ones(1, 2), torch.ones(1))
    by_object = normdrop.measure(model, batches, collector).modes
    by_function = normdrop.measure(model, iter(batches), _difference).modes
    assert len(collector.values) == 1
    assert by_object is not None
    assert by_function is not None
    names = ("eval_mode", "batch_statistics", "dropout_on", "train_mode")
    for name in names:
        assert getattr(by_object, name) == pytest.approx(getattr(by_function, name), abs=1e-6)
    assert by_function.dropout_on == by_function.eval_mode  # there is none
    copied = copy.deepcopy(model)
    for mode, value in (("eval_mode", False), ("train_mode", True)):
        copied.train(value)
        with torch.no_grad():
            expected = sum(len(x) * _difference(copied(x), y) for x, y in batches) / 8
        assert getattr(by_function, mode) == pytest.approx(expected, abs=1e-5)
    assert by_function.metric == "_difference"
    assert "running statistics" in str(by_function)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (lambda _, targets: len(targets), r"the batches hold no targets"),
        (lambda _, __: "good", "raised ValueError in batch 1"),
        (7, "not int"),
    ],
)
def test_metrics_that_are_none(metric: object, words: str) -> None:
    """The metric's own error, and in which batch."""
    with pytest.raises(UsageError, match=words):
        normdrop.measure(nn.BatchNorm1d(2), [torch.randn(4, 2)], metric)
