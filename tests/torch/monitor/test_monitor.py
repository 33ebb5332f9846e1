"""The monitor measures what a slow twin measures, and training does not notice it."""

import copy
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from normdrop.errors import CaptureError, ShiftWarning, UsageError
from normdrop.torch import Dropout, ShiftMonitor


class _Net(nn.Module):
    """Two norm layers behind dropout, a buffer of its own, and inputs in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 8, 3), nn.Dropout(0.5), nn.BatchNorm2d(8))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(128, 16), Dropout(0.3))
        self.norm = nn.BatchNorm1d(16)
        self.calls: Tensor
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, batch: dict[str, Tensor], *, scale: float = 1.0) -> Tensor:
        self.calls += 1
        y: Tensor = self.norm(self.head(self.stem(batch["images"] * scale).relu()))
        return y


def _batches(steps: int, size: int = 32, seed: int = 1) -> Iterator[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        yield {"images": torch.randn(size, 2, 6, 6, generator=generator)}


def _train(model: nn.Module, steps: int, monitor: ShiftMonitor | None = None) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    for batch in _batches(steps):
        optimizer.zero_grad()
        model(batch, scale=2.0).square().mean().backward()
        optimizer.step()
        if monitor is not None:
            monitor.step()


def _slow_twin(model: nn.Module, batch: dict[str, Tensor]) -> dict[str, tuple[float, float]]:
    """Shift and mean shift on a batch, by hooks on a copy in eval mode."""
    model = copy.deepcopy(model).eval()
    found: dict[str, tuple[float, float]] = {}
    for path, module in model.named_modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):

            def seen(norm: Any, inputs: tuple[Tensor], path: str = path) -> None:  # noqa: ANN401 - either norm
                axes = [axis for axis in range(inputs[0].ndim) if axis != 1]
                x = inputs[0].double()
                shift = x.var(axes).mean() / norm.running_var.double().mean()
                apart = (x.mean(axes) - norm.running_mean) / norm.running_var.sqrt()
                found[path] = float(shift), float(apart.square().mean().sqrt())

            module.register_forward_pre_hook(seen)
    with torch.no_grad():
        model(batch, scale=2.0)
    return found


def test_measures_what_the_slow_twin_measures() -> None:
    """Shift and mean shift agree with hooks on a copy just before the measured step."""
    torch.manual_seed(0)
    model = _Net()
    _train(model, 29)
    batch = next(_batches(1, seed=5))
    expected = _slow_twin(model, batch)
    with ShiftMonitor(model, every=30, start=29, warn=False) as monitor:
        model(batch, scale=2.0)
        monitor.step()
    assert monitor.history.steps == (30,)
    assert monitor.history.last.keys() == {"stem.2", "norm"}
    for path, (shift, apart) in expected.items():
        assert monitor.history.last[path] == pytest.approx(shift, rel=1e-5)
        assert monitor.history.mean_shifts[path][-1] == pytest.approx(apart, rel=1e-4)
    assert monitor.latest is not None
    assert monitor.latest["norm"].shift == monitor.history.last["norm"]


@settings(max_examples=15)
@given(every=st.integers(1, 7), steps=st.integers(1, 12), sample=st.sampled_from([None, 1, 9, 99]))
def test_training_is_the_same_bit_for_bit(every: int, steps: int, sample: int | None) -> None:
    """Weights, buffers, modes and the random state are those of training without a monitor."""
    torch.manual_seed(3)
    plain = _Net()
    watched = copy.deepcopy(plain)
    torch.manual_seed(4)
    _train(plain, steps)
    after = torch.get_rng_state()
    torch.manual_seed(4)
    with ShiftMonitor(watched, every=every, sample=sample, warn=False) as monitor:
        _train(watched, steps, monitor)
    assert torch.equal(torch.get_rng_state(), after)
    assert watched.training
    assert monitor.history.steps == tuple(range(every, steps + 1, every))
    for name, value in plain.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name


def test_two_calls_a_step_keep_their_graph() -> None:
    """Watching a step with two forward passes and one backward pass breaks neither."""
    torch.manual_seed(0)
    model = _Net()
    first, second = _batches(2)
    with ShiftMonitor(model, every=1, warn=False) as monitor:
        for _ in range(3):
            (model(first).square().mean() + model(second).square().mean()).backward()
            monitor.step()
    assert len(monitor.history) == 3


def _hooks(model: nn.Module) -> int:
    return sum(len(module._forward_pre_hooks) for module in model.modules())  # noqa: SLF001


def test_hooks_are_in_place_only_for_a_measured_step() -> None:
    """Off steps leave the model without a hook, and so does the end."""
    model = _Net()
    batches = _batches(10)
    with ShiftMonitor(model, every=3, warn=False) as monitor:
        for step in range(1, 7):
            assert (_hooks(model) > 0) == (step % 3 == 0)
            model(next(batches))
            assert _hooks(model) == 0
            monitor.step()
        monitor.step()
        monitor.step()
    assert _hooks(model) == 0


def test_an_exception_leaves_the_model_alone() -> None:
    """A batch the model cannot take raises the model's words, and no hook or mode stays."""
    model = _Net()
    with pytest.raises(CaptureError, match=r"stem.*channels"), ShiftMonitor(model, every=1):
        model({"images": torch.zeros(4, 3, 6, 6)})
    assert model.training
    assert _hooks(model) == 0
    assert model.calls == 0


def test_evaluation_in_between_is_not_measured() -> None:
    """A validation pass between two steps does not stand in for the training batch."""
    model = _Net()
    train, other = next(_batches(1)), {"images": torch.full((4, 2, 6, 6), 1e3)}
    with ShiftMonitor(model, every=1, warn=False) as monitor:
        model.eval()
        model(other)
        model.train()
        expected = _slow_twin(model, train)
        model(train, scale=2.0)
        monitor.step()
    assert monitor.history.last["norm"] == pytest.approx(expected["norm"][0], rel=1e-5)


def test_a_part_that_holds_all_norms_may_be_called() -> None:
    """A wrapper that is never called itself is watched through the network it holds."""
    wrapper = nn.ModuleDict({"net": _Net(), "loss": nn.Linear(1, 1)})
    with ShiftMonitor(wrapper, every=1, warn=False) as monitor:
        wrapper["net"](next(_batches(1)))
        monitor.step()
    assert monitor.history.last.keys() == {"net.stem.2", "net.norm"}


def test_says_when_nothing_can_be_measured() -> None:
    """Norm layers reached by separate calls are named as the reason, once."""
    model = _Net()
    with ShiftMonitor(model, every=1) as monitor:
        model.stem(torch.randn(8, 2, 6, 6))
        with pytest.warns(ShiftWarning, match="ShiftMonitor\\(model.part\\)"):
            monitor.step()
        with warnings.catch_warnings(action="error"):
            monitor.step()
    assert len(monitor.history) == 0


def test_warns_once_when_a_shift_leaves_the_band() -> None:
    """Dropout before norms is warned of once the statistics have settled, and only once."""
    torch.manual_seed(0)
    model = _Net()
    with (
        warnings.catch_warnings(record=True, action="always") as caught,
        ShiftMonitor(model, every=10) as monitor,
    ):
        _train(model, 80, monitor)
    messages = [str(each.message) for each in caught if each.category is ShiftWarning]
    named = [path for text in messages for path in ("stem.2", "norm ") if path in text]
    assert sorted(named) == ["norm ", "stem.2"]
    # at step 30 the initial values still weighed 0.9**29 = 5 %
    assert all(int(text.partition(":")[0].removeprefix("step ")) >= 40 for text in messages)


def test_does_not_warn_without_a_shift() -> None:
    """A network without dropout gives no warning once its statistics are settled."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16))
    with warnings.catch_warnings(action="error"), ShiftMonitor(model, every=40) as monitor:
        for _ in range(80):
            model(torch.randn(512, 4))
            monitor.step()
    assert monitor.history.last["1"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("batch", [8, 64])
@pytest.mark.parametrize(("every", "share"), [(1, 0.045), (10, 0.45), (100, 1.0)])
def test_short_intervals_watch_part_of_the_batch(batch: int, every: int, share: float) -> None:
    """A measurement sees so much of the batch that it costs 1.5 % of what is trained meanwhile."""
    sizes = []
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    with ShiftMonitor(model, every=every, start=every - 1, warn=False):
        model[0].register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
        model(torch.randn(batch, 4))
    assert sizes == [min(batch, max(32, math.ceil(share * batch))), batch]


def _plain() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))


def _watched_paths(model: nn.Module) -> set[str]:
    with ShiftMonitor(model, every=1, warn=False) as monitor:
        for _ in range(2):
            model(torch.randn(16, 4)).sum().backward()
            monitor.step()
    assert monitor.history.steps == (1, 2)
    return set(monitor.history.last)


def test_a_compiled_model_is_watched_by_its_own_paths() -> None:
    """The names are those of the model within, which is measured as it is."""
    compiled = torch.compile(_plain(), backend="eager")
    assert isinstance(compiled, nn.Module)
    assert _watched_paths(compiled) == {"2"}


def test_a_parallel_model_is_watched_by_its_own_paths(tmp_path: Path) -> None:
    """The pass of one process asks no other process for anything."""
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)  # type: ignore[attr-defined] # public
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert _watched_paths(DistributedDataParallel(_plain())) == {"2"}
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("settings", [{"every": 0}, {"sample": -1}, {"every": -5}])
def test_refuses_intervals_that_are_none(settings: dict[str, int]) -> None:
    """Zero and negative numbers are named."""
    name, value = next(iter(settings.items()))
    with pytest.raises(UsageError, match=f"{name}={value}"):
        ShiftMonitor(_Net(), **settings)  # type: ignore[arg-type] # one setting at a time


def test_refuses_a_model_without_running_statistics() -> None:
    """A layer norm keeps none, so there is nothing to watch."""
    with pytest.raises(UsageError, match="no layer with running statistics"):
        ShiftMonitor(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)))


def test_share_of_time_lies_between_zero_and_one() -> None:
    """Time is counted between entering and leaving."""
    model = _Net()
    with ShiftMonitor(model, every=1, warn=False) as monitor:
        _train(model, 5, monitor)
    share = monitor.share
    assert 0 < share < 1
    assert monitor.share == share
