"""Whatever a model does while it is captured, the user's model and generators stay as they were."""

import gc
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from normdrop.errors import CaptureError
from normdrop.torch.capture import capture


class Writes(nn.Module):
    """Assigns attributes, replaces and updates buffers and fills lists in its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(8))
        self.register_buffer("count", torch.tensor(0), persistent=False)
        self.total: Tensor
        self.count: Tensor
        self.seen: list[Tensor] = []
        self.settings = {"calls": 0}
        self.last: Tensor | None = None
        self.held = torch.ones(8)

    def forward(self, x: Tensor) -> Tensor:
        """Leave traces everywhere."""
        self.last = x
        self.seen.append(x)
        self.settings["calls"] += 1
        self.total = self.total + x.sum(0)
        self.total.mul_(0.5)
        self.count += 1
        self.held.add_(1)
        return x


class Switches(nn.Module):
    """Changes modes, gradients and modules in its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.inner = nn.Sequential(self.first, nn.BatchNorm1d(8))

    def forward(self, x: Tensor) -> Tensor:
        """Train what was frozen, freeze what was trained, append a layer."""
        self.inner.train(not self.inner.training)
        self.first.weight.requires_grad_(False)  # noqa: FBT003 - its position
        with torch.no_grad():
            self.first.weight.mul_(0.9)
        self.inner.append(nn.Linear(8, 8).to(x.device))
        result: Tensor = self.inner(x)
        return result


class Draws(nn.Module):
    """Uses every global random generator and one of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(3)
        self.python = random.Random(3)  # noqa: S311 - as models do

    def forward(self, x: Tensor) -> Tensor:
        """Scale by random numbers."""
        own = torch.rand(1, generator=self.generator).item() + self.python.random()
        other = torch.rand(1).item() + np.random.rand()  # noqa: NPY002 - as models do
        other += random.random()  # noqa: S311 - same
        return x * own * other


class Raises(nn.Module):
    """Fails after it has changed something."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x: Tensor) -> Tensor:
        """Raise."""
        self.norm(x)
        self.norm.eval()
        message = "no further"
        raise RuntimeError(message)


class Hooked(nn.Linear):
    """Carries hooks that change what they are given and the module they are on."""

    def __init__(self) -> None:
        super().__init__(8, 8)
        self.register_forward_pre_hook(lambda _, args: (args[0] * 2,))
        self.register_forward_hook(Hooked.mark)
        self.marks = 0

    @staticmethod
    def mark(module: nn.Module, _args: object, output: Tensor) -> Tensor:
        """Count the call and shift the output."""
        assert isinstance(module, Hooked)
        module.marks += 1
        return output + 1


PARTS: list[Callable[[], nn.Module]] = [
    lambda: nn.Linear(8, 8),
    lambda: nn.BatchNorm1d(8),
    lambda: nn.BatchNorm1d(8, momentum=None),
    lambda: nn.Dropout(0.5, inplace=True),
    lambda: nn.ReLU(inplace=True),
    lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8)),
    lambda: nn.MultiheadAttention(8, 2),
    Writes,
    Switches,
    Draws,
    Raises,
    Hooked,
]


class Chain(nn.Module):
    """Parts one after another, some of them more than once."""

    def __init__(self, parts: list[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        """Through all parts, and the first part again."""
        for part in [*self.parts, self.parts[0]]:
            x = part(x, x, x)[0] if isinstance(part, nn.MultiheadAttention) else part(x)
        return x


def state(model: nn.Module) -> dict[str, Any]:
    """Everything about a model that a forward may change, by value or by identity."""
    found: dict[str, Any] = {}
    for name, module in model.named_modules():
        found[f"{name}.training"] = module.training
        found[f"{name}.hooks"] = (
            list(module._forward_hooks.values()),  # noqa: SLF001 - what must not change
            list(module._forward_pre_hooks.values()),  # noqa: SLF001 - same
        )
        for key, value in vars(module).items():
            held = not key.startswith("_") and not isinstance(value, nn.Module)
            found[f"{name}.{key}"] = frozen(value) if held else id(value)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        gradient = None if tensor.grad is None else tensor.grad.tolist()
        found[name] = (id(tensor), tensor.requires_grad, tensor.tolist(), gradient)
        found[f"{name}.version"] = tensor._version  # noqa: SLF001 - counts writes
    return found


def frozen(value: object) -> object:
    """A value that comparison tells from any changed one."""
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, torch.Generator):
        return value.get_state().tolist()
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, list | dict):
        return repr(value)
    return value


def generators() -> tuple[object, ...]:
    """The states of the global random generators."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - the global state is meant
    return torch.get_rng_state().tolist(), random.getstate(), name, list(keys), rest


@settings(max_examples=60, deadline=None)
@given(
    choice=st.lists(st.integers(0, len(PARTS) - 1), min_size=1, max_size=5),
    modes=st.lists(st.booleans(), min_size=5, max_size=5),
    training=st.booleans(),
    real=st.booleans(),
    shared=st.booleans(),
    gradient=st.booleans(),
)
def test_nothing_about_the_model_changes(  # noqa: PLR0917 - each is a dimension of the property
    choice: list[int],
    modes: list[bool],
    training: bool,  # noqa: FBT001 - drawn by hypothesis
    real: bool,  # noqa: FBT001 - same
    shared: bool,  # noqa: FBT001 - same
    gradient: bool,  # noqa: FBT001 - same
) -> None:
    """Modes, tensors, gradients, attributes, hooks and generators, also after an exception."""
    parts = [PARTS[each]() for each in choice]
    model = Chain([*parts, parts[0]] if shared else parts).train(training)
    for part, mode in zip(model.parts, modes, strict=False):
        part.train(mode)
    if gradient:
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
    example = torch.randn(4, 8) if real else (8,)
    before, random_before = state(model), generators()
    try:
        capture(model, example)
    except CaptureError:
        assert any(isinstance(part, Raises) for part in parts)
    assert state(model) == before
    assert generators() == random_before


def test_the_example_is_not_written_to() -> None:
    """A model that writes into its input writes into a copy, also off `meta`."""

    class Needs(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            """Write, then look at a value."""
            x.mul_(2)
            return x if x.sum().item() > 0 else -x

    example = torch.ones(4, 8)
    capture(nn.Sequential(nn.ReLU(inplace=True), Needs()), example)
    assert example.tolist() == torch.ones(4, 8).tolist()


def test_gradient_and_default_settings_stay() -> None:
    """Capture leaves the gradient mode and the default element type alone."""
    for enabled in (True, False):
        with torch.set_grad_enabled(enabled):
            capture(nn.Linear(8, 8), (8,))
            assert torch.is_grad_enabled() is enabled
    assert torch.get_default_dtype() is torch.float32


def test_a_capture_lets_go_of_the_model() -> None:
    """No module refers to the copies once the graph is gone."""
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    capture(model, (8,))
    gc.collect()
    layers = [each for each in gc.get_objects() if type(each) is nn.Linear]
    assert layers
    assert not any(each.weight.is_meta for each in layers)
