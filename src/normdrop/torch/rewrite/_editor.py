"""A torch model under repair: a copy or the model itself."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from normdrop.errors import UsageError
from normdrop.lint.rules import ModelMend, Rule
from normdrop.mending.repairs import GraphEdge, Snapshot
from normdrop.shifts.graph import Node
from normdrop.torch import hooks
from normdrop.torch._noise_layer import NoiseLayer
from normdrop.torch._synthetic import synthetic
from normdrop.torch.capture import capture
from normdrop.torch.layers import UniformDropout
from normdrop.torch.rewrite._journal import ModuleJournal
from normdrop.torch.trees import tensors_in
from normdrop.torch.watch import device_of, untouched

_FIRST_BETA = 0.1
_SEED = 20190
_COUNT = 2


class TorchEditor:
    """Changes a module where it is; see `normdrop.mending.repairs.Editor`."""

    kit = "normdrop.torch"
    older_files = "older checkpoints load with strict=False only"

    def __init__(
        self, model: nn.Module, example: object, rules: Sequence[Rule], journal: ModuleJournal
    ) -> None:
        self.model = model
        self.journal = journal
        self._example = example
        self._rules = rules
        self._outputs = _EvalOutputs(model, example)

    def snapshot(self) -> Snapshot:
        """The model as it is now, which only is read."""
        captured = capture(self.model, self._example)
        modules = list(self.model.named_modules())
        names = {id(module): path for path, module in modules}
        return Snapshot(
            captured, names, {path: each.training for path, each in modules}, self._rules
        )

    def difference(self, tolerance: float = 0.0) -> str:
        """Whether eval outputs are others than they were."""
        agrees = self._outputs.agrees(tolerance)
        return "" if agrees else "the model's eval outputs would change"

    def noise_layer(self, snapshot: Snapshot, path: str) -> nn.Module | str:
        """The module at a path that is a noise layer, or why there is none."""
        return _noise_module(self.model, snapshot, path)

    def realizable(
        self, snapshot: Snapshot, noise: Node, edges: Iterable[GraphEdge]
    ) -> GraphEdge | None:
        """The first edge that needs no other `forward`."""
        return _realizable(self.model, snapshot, noise, edges)

    def move(self, layer: nn.Module, edge: GraphEdge) -> None:
        """An `Identity` where it stood, so that no key is renumbered."""
        self.journal.replace(self.model, layer, nn.Identity())
        _put(self.journal, self.model, layer, edge)

    def to_uniform(self, layer: nn.Module, node: Node) -> nn.Module:
        """`normdrop.torch.UniformDropout`."""
        assert node.noise is not None  # noqa: S101 - a noise layer's call
        uniform = UniformDropout(_FIRST_BETA, along=node.noise.along.value)  # type: ignore[arg-type] # a module drops no blocks
        self.journal.replace(self.model, layer, uniform)
        return uniform

    def set_beta(self, layer: nn.Module, beta: float) -> None:
        """Not taken back: the layer goes as a whole."""
        layer.beta = beta  # type: ignore[assignment] # a UniformDropout, as `to_uniform` made it

    def to_weaker(self, layer: nn.Module) -> nn.Module:
        """A copy of the layer."""
        weaker = copy.deepcopy(layer)
        self.journal.replace(self.model, layer, weaker)
        return weaker

    def set_rate(self, layer: nn.Module, rate: float) -> None:
        """Not taken back: the layer goes as a whole."""
        layer.p = rate  # type: ignore[assignment] # what every dropout module calls its rate

    def to_plain(self, layer: nn.Module, rate: float) -> nn.Module:
        """`torch.nn.Dropout`."""
        plain = nn.Dropout(rate)
        self.journal.replace(self.model, layer, plain)
        return plain

    def words(self, layer: nn.Module) -> str:
        """As torch prints it."""
        return str(layer)

    def turn_momentum(self, path: str, momentum: float) -> tuple[float, float] | None:
        """1 - momentum."""
        module = self.model.get_submodule(path)
        if getattr(module, "momentum", None) != momentum:
            return None
        turned = round(1 - momentum, 12)
        self.journal.attribute(module, "momentum", turned)
        return momentum, turned

    def values(self, node: Node, role: str) -> np.ndarray | None:
        """Of the parameter or buffer that a node reads; None where it is computed."""
        tensor = self._tensor(node.parameters[role].path)
        return None if tensor is None else tensor.detach().double().cpu().numpy()

    def write(self, node: Node, role: str, values: np.ndarray) -> None:
        """Rounded once, to the tensor's own type."""
        tensor = self._tensor(node.parameters[role].path)
        assert tensor is not None  # noqa: S101 - its values were read
        self.journal.write(tensor, torch.from_numpy(values))

    def spread(self, _: Node, bias: np.ndarray, count: int) -> np.ndarray:
        """Positions that were flattened follow each channel."""
        return np.repeat(bias, count // bias.size)

    def is_tied(self, snapshot: Snapshot, node: Node, role: str) -> bool:
        """Whether a parameter is registered twice, or read by other calls."""
        name = node.parameters[role].path
        tensor = self._tensor(name)
        registered = self.model.named_parameters(remove_duplicate=False)
        if sum(each is tensor for _, each in registered) > 1:
            return True
        reading = [
            each.layer
            for each in snapshot.graph
            for parameter in each.parameters.values()
            if parameter.path == name
        ]
        return len(reading) != len(snapshot.nodes(node.layer))

    def remove_bias(self, node: Node) -> None:
        """An entry that is None is what a layer made with bias=False has."""
        owner, _, role = node.parameters["bias"].path.rpartition(".")
        registry = self.model.get_submodule(owner)._parameters  # noqa: SLF001 - the registry itself
        self.journal.item(registry, role, None)

    def _tensor(self, path: str) -> Tensor | None:
        parameters = dict(self.model.named_parameters())
        return parameters.get(path, dict(self.model.named_buffers()).get(path))


class _EvalOutputs:
    """The outputs of a model in eval mode on made-up inputs.

    A model that does not run in eval mode, or whose tensors are on `meta`, has none, and nothing
    is said of it.
    """

    def __init__(self, model: nn.Module, example: object) -> None:
        self._model = model
        self._example = example
        self._outputs = self._run()

    def agrees(self, tolerance: float = 0.0) -> bool:
        """Whether the model still yields these outputs.

        Args:
            tolerance: The largest difference, as a share of the largest output; 0 for the same
                outputs to the last bit.
        """
        if self._outputs is None:
            return True
        now = self._run()
        if now is None or len(now) != len(self._outputs):
            return False
        pairs = zip(self._outputs, now, strict=True)
        return all(_close(was, is_now, tolerance) for was, is_now in pairs)

    def _run(self) -> list[Tensor] | None:
        device = device_of(self._model)
        if device.type == "meta":
            return None
        generator = torch.Generator().manual_seed(_SEED)
        args, kwargs = synthetic(self._example, _COUNT, generator, device)
        with untouched(self._model), torch.no_grad():
            self._model.eval()
            torch.manual_seed(_SEED)
            try:
                outputs: Any = self._model(*args, **kwargs)
            except Exception:  # noqa: BLE001 - any model may refuse made-up inputs in its own way
                return None
            return [each.detach().clone() for each in tensors_in(outputs)]


def _close(was: Tensor, is_now: Tensor, tolerance: float) -> bool:
    if was.shape != is_now.shape:
        return False
    if not was.is_floating_point():
        return torch.equal(was, is_now)
    finite = was[was.isfinite()].abs()
    scale = finite.max().item() if finite.numel() else 1.0
    return torch.allclose(was, is_now, rtol=0.0, atol=tolerance * scale, equal_nan=True)


def _noise_module(model: nn.Module, snapshot: Snapshot, layer: str) -> nn.Module | str:
    """The module that is a noise layer, or why there is none that can be exchanged."""
    nodes = snapshot.nodes(layer)
    where = f" at {nodes[0].location}" if nodes and nodes[0].location else ""
    try:
        module = model.get_submodule(layer)
    except AttributeError:
        return f"its dropout is a function called in a forward{where}, not a module"
    if not isinstance(module, _DropoutNd | NoiseLayer):
        return f"it is a {type(module).__name__}, which is no dropout layer that normdrop knows"
    if _has_hooks(module):
        return "it has hooks of its own"
    return module


def _realizable(
    model: nn.Module, snapshot: Snapshot, noise: Node, edges: Iterable[GraphEdge]
) -> GraphEdge | None:
    """The first edge into which the noise can be put without touching any `forward`."""
    for edge in edges:
        if edge.fits(snapshot.graph, noise) and _has_position(model, snapshot, edge):
            return edge
    return None


def _put(journal: ModuleJournal, model: nn.Module, noise: nn.Module, edge: GraphEdge) -> None:
    """Put a noise layer into an edge that `_realizable` has found.

    Beside a layer without state, the two become a `Sequential`; a layer with state holds the noise
    as its child, since its keys must stay.
    """
    position = model.get_submodule(edge.node.layer)
    if getattr(noise, "inplace", False):
        # What stands before it now may need its output for the backward pass.
        journal.attribute(noise, "inplace", value=False)
    if _is_stateless(position):
        pair = (noise, position) if edge.side == "before" else (position, noise)
        journal.replace(model, position, nn.Sequential(*pair))
    elif edge.side == "before":
        journal.attach(
            position,
            hooks.BEFORE,
            noise,
            lambda: position.register_forward_pre_hook(hooks.apply_before),
        )
    else:
        journal.attach(
            position, hooks.AFTER, noise, lambda: position.register_forward_hook(hooks.apply_after)
        )


def _has_position(model: nn.Module, snapshot: Snapshot, edge: GraphEdge) -> bool:
    """Whether the node is a module that one line calls once."""
    node = edge.node
    if not node.layer or node.module != node.layer or snapshot.calls.get(node.layer) != 1:
        return False
    if len(snapshot.nodes(node.layer)) != 1:
        return False
    position = model.get_submodule(node.layer)
    name = hooks.BEFORE if edge.side == "before" else hooks.AFTER
    return not isinstance(position, _DropoutNd | NoiseLayer) and not hasattr(position, name)


def _is_stateless(module: nn.Module) -> bool:
    """Whether wrapping it renames no key."""
    children = any(True for _ in module.children())
    return not children and not module.state_dict() and not any(True for _ in module.buffers())


def _has_hooks(module: nn.Module) -> bool:
    return any(
        getattr(module, name)
        for name in (
            "_forward_hooks",
            "_forward_pre_hooks",
            "_backward_hooks",
            "_backward_pre_hooks",
        )
    )


class Editing:
    """A module under repair; see `normdrop.verbs`."""

    leave: frozenset[ModelMend] = frozenset()

    def __init__(self, editor: TorchEditor) -> None:
        self.editor = editor

    def result(self) -> nn.Module:
        """The mended module."""
        return self.editor.model


@contextmanager
def editing(
    model: nn.Module, example: object, rules: Sequence[Rule], *, in_place: bool
) -> Iterator[Editing]:
    """Change a module without changing what it computes in eval mode.

    Args:
        model: Any module.
        example: What the model takes; see `capture`.
        rules: The rules whose findings are mended.
        in_place: Whether to change the model itself, as a whole or not at all.

    Raises:
        CaptureError: The model raised; the message names the module.
        UsageError: The model cannot be changed or copied.
    """
    work = model if in_place else _copied(model)
    with ModuleJournal() as journal:
        yield Editing(TorchEditor(work, example, rules, journal))


def refuse_sealed(model: nn.Module) -> None:
    """Refuse models whose calls are fixed.

    Raises:
        UsageError: It is one.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise UsageError(
            "fix: a scripted module cannot be changed: fix the module it was scripted from, and "
            "script it again"
        )
    if isinstance(getattr(model, "_orig_mod", None), nn.Module):
        raise UsageError(
            "fix: a compiled module cannot be changed: fix the module it was compiled from, "
            "model._orig_mod, and compile it again"
        )


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise UsageError(
            f"fix: {type(model).__name__} cannot be copied ({type(error).__name__}: {error}): pass "
            "in_place=True to change the model itself"
        ) from error
