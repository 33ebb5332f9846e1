"""Noise calls: told apart from other calls, named by layer, seeded one by one, switched off."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from normdrop.torch.watch._calls import Paths, caller
from normdrop.values.operations import ATTENTIONS, DRAWS, NOISES
from normdrop.values.operations import Function as Spelling

Function = Callable[..., Any]


def _resolved(spellings: Iterable[Spelling]) -> dict[Function, Spelling]:
    """The functions of this version of torch, each with how it is called."""
    found: dict[Function, Spelling] = {}
    for spelling in spellings:
        _, *path = spelling.address.split(".")
        function: Any = torch
        for name in path:
            function = getattr(function, name, None)
        if function is not None:
            found[function] = spelling
    return found


# Each is off when it is told that it is not training.
_DROPOUTS = _resolved(each for noise in NOISES for each in noise.functions)
# Whoever calls these in train mode makes noise out of them.
_DRAWS = frozenset(_resolved((*DRAWS, *ATTENTIONS)))


@dataclass
class NoiseCalls:
    """What a pass knows of noise: every layer that made some, in order, and which are to be still.

    Before each call torch's generator is seeded by the pass, the layer and how often it was called,
    so that a layer's noise stays the same when another layer is switched off.

    Attributes:
        model: Whose layers make the noise.
        paths: Module paths by id.
        layers: Names of the layers that made noise so far, with the module that owns each.
        drawing: Those that make noise of plain random numbers; only their module's eval mode can
            switch them off.
    """

    model: nn.Module
    paths: Paths
    layers: dict[str, nn.Module] = field(default_factory=dict)
    drawing: set[str] = field(default_factory=set)
    _seed: int = 0
    _silent: str | None = None
    _on_silence: Callable[[], None] | None = None
    _on_cpu: bool | None = None
    _calls: dict[str, int] = field(default_factory=dict)
    _lines: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def start(
        self,
        seed: int,
        silent: str | None = None,
        on_silence: Callable[[], None] | None = None,
    ) -> None:
        """Begin a pass with a seed of its own; one layer may be off, and be told of when met."""
        self._seed, self._silent, self._on_silence = seed, silent, on_silence
        self._calls.clear()

    def __call__(self, function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the call returns
        """Make the noise call, switched off where the layer is."""
        layer = self._layer(function)
        count = self._calls[layer] = self._calls.get(layer, 0) + 1
        index = list(self.layers).index(layer)
        self._reseed((self._seed * 10_007 + index) * 101 + count)
        if function in _DRAWS:
            self.drawing.add(layer)
        elif layer == self._silent:
            if self._on_silence is not None:
                self._on_silence()
            args, kwargs = _off(_DROPOUTS[function], args, kwargs)
        return function(*args, **kwargs)

    def _reseed(self, seed: int) -> None:
        """`torch.manual_seed` costs more than a small layer: it keeps a stack for every device."""
        if self._on_cpu is None:
            tensors = (*self.model.parameters(), *self.model.buffers())
            self._on_cpu = all(tensor.device.type == "cpu" for tensor in tensors)
        if self._on_cpu:
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _layer(self, function: Function) -> str:
        path, line = caller(self.paths)
        owner = self.model.get_submodule(path)
        name = path
        if path == "" or any(owner.children()):
            lines = self._lines.setdefault((path, function.__name__), [])
            if line not in lines:
                lines.append(line)
            number = lines.index(line) + 1
            name = f"{path}.{function.__name__}()".lstrip(".") + (
                f"#{number}" if number > 1 else ""
            )
        self.layers.setdefault(name, owner)
        return name


def makes_noise(function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call is a noise call that is on."""
    if function in _DRAWS:
        return True
    spelling = _DROPOUTS.get(function)
    if spelling is None:
        return False
    given = {**dict(zip(spelling.arguments, args, strict=False)), **kwargs}
    training = given.get(spelling.arguments[2], spelling.training)
    return bool(training) and given.get("p", 0.5) > 0


def _off(
    spelling: Spelling, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """The arguments of a dropout's call with its third, whether it is on, set to no."""
    if len(args) > 2:  # noqa: PLR2004 - the third argument
        return (*args[:2], False, *args[3:]), kwargs
    return args, {**kwargs, spelling.arguments[2]: False}
