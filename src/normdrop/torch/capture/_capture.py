"""Seeing a torch model as a graph: from an example of its input to the calls of both modes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from normdrop.errors import CaptureError, UsageError
from normdrop.shifts.graph import Captured, Graph, Kind, Layer, Mode, Node
from normdrop.torch.capture._copies import ModelCopy
from normdrop.torch.capture._nodes import Origin
from normdrop.torch.capture._placing import preserved_random_state
from normdrop.torch.capture._recorder import Recorder
from normdrop.torch.capture._scope import CallStack, Frame
from normdrop.torch.capture._table import describe_module
from normdrop.torch.hooks import HELD
from normdrop.torch.trees import map_leaves, tensors_in
from normdrop.values.example import Input
from normdrop.values.location import Location

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
_BATCHES = (4, 6, 8, 10, 12, 14, 16, 18)


class Example:
    """One example input: real tensors, or shapes and element types.

    Attributes:
        real: Whether it has values.
        batch_size: Extent of the first axis.
    """

    def __init__(self, example: Any) -> None:  # noqa: ANN401 - tensors, arrays, shapes, nested
        """Read an example.

        A tensor, array, `Input` or tuple of whole numbers is the one argument of the model, a
        tuple holds its positional arguments, a dict its named ones.

        Raises:
            UsageError: It is none of these, or no tensor is in it.
        """
        parts = _parts(example)
        shapes = [each for each in _leaves(parts) if isinstance(each, Input)]
        taken = {extent for each in shapes for extent in each.shape}
        batch = next((size for size in _BATCHES if size not in taken), _BATCHES[0])
        self._arguments = map_leaves(lambda leaf: _tensor(leaf, batch), parts)
        tensors = list(tensors_in(self._arguments))
        if not tensors:
            raise UsageError(
                f"an example of type {type(example).__name__} holds no tensor: pass a tensor, an "
                "array, a tuple or dict of them, or a shape such as (3, 32, 32)"
            )
        self.real = not shapes
        self.batch_size = int(tensors[0].shape[0]) if tensors[0].ndim else 1

    def arguments(self, *, real: bool) -> Arguments:
        """Fresh arguments, with values or on the `meta` device."""
        if isinstance(self._arguments, dict):
            return (), map_leaves(lambda leaf: _placed(leaf, real=real), self._arguments)
        return map_leaves(lambda leaf: _placed(leaf, real=real), self._arguments), {}

    def doubled(self) -> "Example":
        """Every tensor twice along its first axis, for models that cannot train on one sample."""
        twice = Example.__new__(Example)
        twice.real, twice.batch_size = self.real, 2 * self.batch_size
        twice._arguments = map_leaves(_twice, self._arguments)  # noqa: SLF001 - its own class
        return twice


def _parts(example: Any) -> Any:  # noqa: ANN401 - tensors, arrays, shapes, nested
    """Positional arguments as a tuple or named ones as a dict, with shapes as `Input`."""
    read = _shapes(example)
    if isinstance(read, tuple | dict):
        return read
    return (read,)


def _shapes(tree: Any) -> Any:  # noqa: ANN401 - tensors, arrays, shapes, nested
    if isinstance(tree, tuple) and tree and all(type(each) is int for each in tree):
        return Input(tree)
    if type(tree) is tuple:
        return tuple(_shapes(each) for each in tree)
    if isinstance(tree, dict):
        return {key: _shapes(each) for key, each in tree.items()}
    return tree


def _leaves(tree: Any) -> list[Any]:  # noqa: ANN401 - any tree
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def _tensor(leaf: Any, batch: int) -> Any:  # noqa: ANN401 - what is no tensor stays
    if isinstance(leaf, np.ndarray):
        return torch.from_numpy(leaf)
    if isinstance(leaf, Input):
        dtype = getattr(torch, leaf.dtype, None)
        if not isinstance(dtype, torch.dtype):
            raise UsageError(f"{leaf.dtype!r} is no element type: use one such as 'float32'")
        return torch.empty((batch, *leaf.shape), dtype=dtype, device="meta")
    return leaf


def _placed(leaf: Any, *, real: bool) -> Any:  # noqa: ANN401 - what is no tensor stays
    if not isinstance(leaf, Tensor):
        return leaf
    plain = leaf.detach()
    return plain.clone() if real else plain.to("meta", copy=True)


def _twice(leaf: Any) -> Any:  # noqa: ANN401 - what is no tensor stays
    return torch.cat([leaf, leaf]) if isinstance(leaf, Tensor) and leaf.ndim else leaf


_UNREAL = ("meta", "data-dependent", "autocast", "scalartype")
"""Words in the errors of code that stand-ins cannot take part in."""


def capture(model: nn.Module, example: Any) -> Captured:  # noqa: ANN401 - tensors, arrays, shapes
    """The calls a model makes, in train and in eval mode.

    The model runs once in each mode on a copy of its structure whose tensors are on the `meta`
    device: no weights are allocated, no numbers computed. Where a model needs numbers, a real
    example is run through a real copy instead. The model itself is only read. A model that is in
    train mode is captured with the modes its layers have, so that frozen layers stay frozen.

    Args:
        model: Any module.
        example: One tensor, array or `normdrop.Input`, or a tuple of whole numbers that is its
            shape without the batch axis; a tuple of those, as positional arguments; or a dict of
            those, as named ones.

    Returns:
        The graphs of both runs, of the same batch size. An example of one sample is doubled where
        a norm cannot train on one.

    Raises:
        CaptureError: The model's forward raised, in the words of the model, with the path of the
            module; or it needs numbers and the example has none.
        UsageError: The example is nothing a model takes.

    >>> captured = capture(nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8)), (8,))
    >>> [node.kind.value for node in captured.train]
    ['input', 'noise', 'norm']
    >>> captured.eval[1].noise.active
    False
    """
    read = Example(example)
    train = _graph(model, read, Mode.TRAIN)
    if train.batch_size != read.batch_size:
        read = read.doubled()
    return Captured(train, _graph(model, read, Mode.EVAL))


def _graph(model: nn.Module, example: Example, mode: Mode) -> Graph:
    """The graph on `meta`, or else on real tensors when there are some."""
    try:
        return _tried(model, example, mode, real=False)
    except CaptureError:
        if not example.real:
            raise
    return _tried(model, example, mode, real=True)


def _tried(model: nn.Module, example: Example, mode: Mode, *, real: bool) -> Graph:
    """The graph of one run; once more with twice the batch if one sample is too few."""
    run = Run(model, mode, real=real)
    try:
        return run.graph(example)
    except Exception as error:
        if "more than 1 value per channel" in str(error) and example.batch_size == 1:
            return _tried(model, example.doubled(), mode, real=real)
        raise CaptureError(_reason(run.origin(error), error, real=example.real)) from error


def _reason(failed: Frame | None, error: Exception, *, real: bool) -> str:
    """One line: which module failed, with what, and what to pass instead."""
    where = "the model"
    if failed is not None:
        where = f"{failed.path or 'the model'} ({type(failed.module).__name__})"
    words = " ".join(str(error).split()) or type(error).__name__
    if not real and _needs_numbers(error):
        return (
            f"{where} needs numbers, and a shape has none: pass a real example input instead "
            f"({type(error).__name__}: {words})"
        )
    return f"{where} raised {type(error).__name__}: {words}"


def _needs_numbers(error: Exception) -> bool:
    """Whether an error comes from tensors without values, not from the model or its input."""
    words = str(error).lower()
    return isinstance(error, NotImplementedError) or any(each in words for each in _UNREAL)


class Run:
    """One forward pass in one mode, and what it left behind when it failed.

    Attributes:
        scope: The modules that run.
    """

    def __init__(self, model: nn.Module, mode: Mode, *, real: bool) -> None:
        self.scope = CallStack()
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
        nodes = with_layers(recorder.nodes.made, recorder.nodes.origins)
        used = {*recorder.used, *_lending(self._registered, nodes)}
        return Graph(
            nodes,
            tuple(inputs),
            tuple(outputs),
            self._mode,
            layers_of(self._registered, self.scope.calls, used),
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


_SINGLE = frozenset({Kind.NORM, Kind.NOISE, Kind.WEIGHT, Kind.ATTENTION, Kind.RECURRENT})
"""Kinds of which a layer does one per call; a module that does several is not one layer."""
_SOURCES = frozenset({Kind.INPUT, Kind.PARAMETER, Kind.CONSTANT})
"""Kinds that are no call, and so belong to no layer."""


def with_layers(nodes: Iterable[Node], origins: Iterable[Origin]) -> tuple[Node, ...]:
    """The nodes, each with the layer it belongs to."""
    pairs = list(zip(nodes, origins, strict=True))
    busy = Counter(
        (origin.frame.invocation, node.kind) for node, origin in pairs if node.kind in _SINGLE
    )
    several = {
        origin.frame.path for node, origin in pairs if busy[origin.frame.invocation, node.kind] > 1
    }
    lines: defaultdict[str, dict[Location | None, int]] = defaultdict(dict)
    return tuple(
        replace(node, layer=_layer(node, origin, several, lines)) for node, origin in pairs
    )


def _layer(
    node: Node,
    origin: Origin,
    several: set[str],
    lines: defaultdict[str, dict[Location | None, int]],
) -> str:
    """The module's path for a layer's own call, else the module's path and the function."""
    if node.kind in _SOURCES:
        return ""
    path, module = origin.frame.path, origin.frame.module
    whole = isinstance(module, nn.MultiheadAttention) or _is_leaf(module)
    if path and path not in several and whole:
        return path
    if origin.owner and origin.owner != path:
        return origin.owner
    name = f"{path}.{node.operation}()" if path else f"{node.operation}()"
    numbers = lines[name]
    number = numbers.setdefault(node.location, len(numbers) + 1)
    return name if number == 1 else f"{name}#{number}"


def layers_of(
    modules: Mapping[str, nn.Module], calls: Counter[str], used: set[str]
) -> tuple[Layer, ...]:
    """Every registered module, by all of its paths, and whether this run made use of it."""
    busy = {path for path, count in calls.items() if count}
    busy |= {name.rpartition(".")[0] for name in used}
    reached = {path[:end] for path in busy for end in _ends(path)} | ({""} if busy else set())
    aliases: defaultdict[int, list[str]] = defaultdict(list)
    for path, module in modules.items():
        aliases[id(module)].append(path)
    return tuple(
        Layer(
            path,
            type(module).__name__,
            calls[path],
            used=path in reached,
            leaf=_is_leaf(module),
            training=module.training,
            aliases=tuple(aliases[id(module)][1:]),
        )
        for path, module in modules.items()
        if aliases[id(module)][0] == path
    )


def _lending(modules: Mapping[str, nn.Module], nodes: Iterable[Node]) -> Iterator[str]:
    """The rates of dropout layers that a function gets, as in attention of one fused call.

    What is read is the layer's rate, which leaves no trace: a function of the module that holds the
    layer, with the same rate, is taken for the one that got it.
    """
    taken = {(path, node.noise.rate) for node in nodes if node.noise for path in node.modules}
    for path, module in modules.items():
        rate = getattr(module, "p", None) if isinstance(module, _DropoutNd) else None
        if rate is not None and (path.rpartition(".")[0], rate) in taken:
            yield f"{path}.p"


def _is_leaf(module: nn.Module) -> bool:
    """Whether a module has no modules inside but dropout that its own hooks apply."""
    return all(name in HELD for name, _ in module.named_children())


def _ends(path: str) -> list[int]:
    """Where the paths of a module and of those around it end."""
    return [i for i, letter in enumerate(path) if letter == "."] + [len(path)]
