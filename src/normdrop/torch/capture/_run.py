"""One recorded forward pass of a copy of a model."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from normdrop.shifts.graph import Graph, Mode
from normdrop.torch.capture._assemble import layers_of, with_layers
from normdrop.torch.capture._copies import ModelCopy
from normdrop.torch.capture._example import Example
from normdrop.torch.capture._modules import describe_module
from normdrop.torch.capture._random_state import preserved_random_state
from normdrop.torch.capture._recorder import Recorder
from normdrop.torch.capture._scope import Frame, Scope
from normdrop.torch.capture._trees import tensors_in


class Run:
    """One forward pass in one mode, and what it left behind when it failed.

    Attributes:
        scope: The modules that run.
    """

    def __init__(self, model: nn.Module, mode: Mode, *, real: bool) -> None:
        self.scope = Scope()
        self._mode = mode
        self._real = real
        self._copy = ModelCopy(model, real=real)
        self._registered = self._copy.registered(model)

    def origin(self, error: BaseException) -> Frame | None:
        """The innermost forward that an exception left."""
        return self.scope.failed if error is self.scope.error else None

    def graph(self, example: Example) -> Graph:
        """The graph of the pass; whatever the model raises is raised."""
        _set_mode(self._copy.model, self._mode)
        recorder = Recorder(self.scope, real=self._real)
        for tensor, path, origin in self._copy.tensors():
            recorder.nodes.hold(tensor, path, origin)
        for path, module in self._copy.modules():
            self.scope.watch(module, path, _around(recorder))
        args, kwargs = example.arguments(real=self._real)
        model = self._copy.model
        self.scope.frames.append(Frame("", model, -1, ()))
        inputs = [
            recorder.give(tensor, f"input_{index}")
            for index, tensor in enumerate(tensors_in((args, kwargs)))
        ]
        try:
            with preserved_random_state(), torch.no_grad(), recorder:
                result = run_forward(model, args, kwargs)
        finally:
            self.scope.unwatch()
        outputs = [recorder.nodes.node_of(each) for each in tensors_in(result)]
        recorder.nodes.release()
        return Graph(
            with_layers(recorder.nodes.made, recorder.nodes.origins),
            tuple(inputs),
            tuple(outputs),
            self._mode,
            layers_of(self._registered, self.scope.calls, recorder.used),
            example.batch_size,
        )


def run_forward(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the model returns
    """Call the model; call sites are looked for in the frames inside this one."""
    return model(*args, **kwargs)


def _set_mode(model: nn.Module, mode: Mode) -> None:
    """Put the copy in a mode; a model in train mode keeps the modes its layers have."""
    if mode is Mode.EVAL:
        model.eval()
    elif not model.training:
        model.train()


def _around(
    recorder: Recorder,
) -> Callable[[Frame, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]:
    """What runs each module's forward: whole modules in silence, the others call by call."""

    def around(
        frame: Frame, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:  # noqa: ANN401 - whatever the forward returns
        description = describe_module(frame.module, frame.tensors[0]) if frame.tensors else None
        if description is None:
            return recorder.checked(frame, forward(*args, **kwargs))
        with recorder.silence():
            result = forward(*args, **kwargs)
        name = type(frame.module).__name__
        return recorder.record_whole(name, description, frame.tensors, result)

    return around
