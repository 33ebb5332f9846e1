"""A torch model under repair."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from normdrop.lint.rules import Rule
from normdrop.mending.repairs import Snapshot, Spot
from normdrop.shifts.graph import Node
from normdrop.torch.capture import capture
from normdrop.torch.layers import UniformDropout
from normdrop.torch.rewrite._insert import noise_module, put, realizable
from normdrop.torch.rewrite._journal import ModuleJournal
from normdrop.torch.rewrite._outputs import Witness

_FIRST_BETA = 0.1


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
        self._witness = Witness(model, example)

    def snapshot(self) -> Snapshot:
        """Snapshot at the model, which only is read."""
        captured = capture(self.model, self._example)
        modules = list(self.model.named_modules())
        names = {id(module): path for path, module in modules}
        return Snapshot(
            captured, names, {path: each.training for path, each in modules}, self._rules
        )

    def difference(self, tolerance: float = 0.0) -> str:
        """Whether eval outputs are others than they were."""
        agrees = self._witness.agrees(tolerance)
        return "" if agrees else "the model's eval outputs would change"

    def noise_layer(self, snapshot: Snapshot, path: str) -> nn.Module | str:
        """The module at a path that is a noise layer, or why there is none."""
        return noise_module(self.model, snapshot, path)

    def realizable(self, snapshot: Snapshot, noise: Node, spots: Iterable[Spot]) -> Spot | None:
        """The first spot that needs no other `forward`."""
        return realizable(self.model, snapshot, noise, spots)

    def move(self, layer: nn.Module, spot: Spot) -> None:
        """An `Identity` where it stood, so that no key is renumbered."""
        self.journal.replace(self.model, layer, nn.Identity())
        put(self.journal, self.model, layer, spot)

    def to_uniform(self, layer: nn.Module, node: Node) -> nn.Module:
        """`normdrop.torch.UniformDropout`."""
        assert node.noise is not None  # noqa: S101 - a noise layer's call
        uniform = UniformDropout(_FIRST_BETA, along=node.noise.along.value)  # type: ignore[arg-type] # a module drops no blocks
        self.journal.replace(self.model, layer, uniform)
        return uniform

    def set_beta(self, layer: nn.Module, beta: float) -> None:
        """Not taken back: the layer goes as a whole."""
        layer.beta = beta  # type: ignore[assignment] # a UniformDropout, as `to_uniform` made it

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
