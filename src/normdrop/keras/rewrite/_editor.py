"""A Keras model under repair."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from normdrop.errors import CaptureError
from normdrop.keras._synthetic import synthetic
from normdrop.keras.capture import capture, ends, paths_of
from normdrop.keras.layers import NoiseLayer, UniformDropout
from normdrop.keras.rewrite._plan import LayerPosition, Plan
from normdrop.keras.rewrite._rebuild import Rebuild, is_rebuildable
from normdrop.lint.rules import Rule
from normdrop.mending.repairs import GraphEdge, Journal, Snapshot
from normdrop.shifts.graph import Along, Node
from normdrop.values.operations import NOISES

_NOISE = (
    NoiseLayer,
    *(
        getattr(keras.layers, name)
        for noise in NOISES
        # Others move the mean, or do more than multiply: in another place they are another thing.
        if noise.law in {"bernoulli", "gaussian"}
        for name in noise.keras_layers
    ),
)
_FIRST_BETA = 0.1
_ROLES = {"bias": "bias", "running_mean": "moving_mean"}
_SEED = 20190
_COUNT = 2


class KerasEditor:
    """Plans changes, and builds the model anew from its own layers to judge them.

    A graph of layers cannot be changed where it is; see `normdrop.mending.repairs.Editor`.
    """

    kit = "normdrop.keras"
    older_files = "older files of weights do not fit"

    def __init__(
        self,
        model: keras.Model,
        example: Any,  # noqa: ANN401 - see capture
        rules: Sequence[Rule],
        journal: Journal,
    ) -> None:
        self.journal = journal
        self.plan = Plan()
        self._first = model
        self._example = example
        self._rules = rules
        self._built: tuple[Plan, keras.Model] = (self.plan, model)
        self._outputs = _Outputs(model, example)
        self._weights = [id(variable) for variable in model.weights]

    @property
    def model(self) -> keras.Model:
        """The model by the plan as it is now.

        Raises:
            CaptureError: A layer does not take what it would be given.
        """
        plan, model = self._built
        if plan is not self.plan:
            try:
                model = _built(self._first, self.plan)
            except Exception as error:
                words = " ".join(str(error).split()) or type(error).__name__
                raise CaptureError(f"the model cannot be built: {words}") from error
            self._built = (self.plan, model)
        return model

    def snapshot(self) -> Snapshot:
        """The model as it is now, which only is read."""
        return Snapshot(capture(self.model, self._example), paths_of(self.model), {}, self._rules)

    def difference(self, tolerance: float = 0.0) -> str:
        """Whether eval outputs are others than they were, or the weights in another order."""
        try:
            model = self.model
        except CaptureError as error:
            return str(error)
        if [id(variable) for variable in model.weights] != self._weights:
            return "the model's weights would come in another order"
        agrees = self._outputs.agrees(model, tolerance)
        return "" if agrees else "the model's eval outputs would change"

    def noise_layer(self, _: Snapshot, path: str) -> keras.layers.Layer | str:
        """The layer at a path that is a noise layer, or why there is none."""
        layer = self._layers().get(path)
        if layer is None:
            return "its dropout is a function, not a layer"
        if not isinstance(layer, _NOISE):
            return f"it is a {type(layer).__name__}, which is no dropout layer that normdrop knows"
        holder = self._closed_holder(path)
        if holder is not None:
            return f"it is called by the code of {type(holder).__name__}, which holds it"
        if any(node.arguments.kwargs.get("training") for node in layer._inbound_nodes):  # noqa: SLF001 - Keras' own record
            return "it is called with training=True"
        return layer

    def realizable(
        self, snapshot: Snapshot, noise: Node, edges: Iterable[GraphEdge]
    ) -> GraphEdge | None:
        """The first edge next to a layer of the graph, with the weights in the order they have."""
        layer = self._layers()[noise.layer]
        for edge in edges:
            fits = edge.fits(snapshot.graph, noise) and self._has_position(snapshot, edge)
            if fits and self._placed(layer, edge) is not None:
                return edge
        return None

    def move(self, layer: Any, edge: GraphEdge) -> None:  # noqa: ANN401 - a layer
        """Nothing stays where it stood, unless the order of the weights needs it.

        With others moved, the edge may do no longer, which the next snapshot or `difference` says.
        """
        self._set(self._placed(layer, edge) or self.plan.move(layer, self._position(edge)))

    def to_uniform(self, layer: Any, node: Node) -> keras.layers.Layer:  # noqa: ANN401 - a layer
        """`normdrop.keras.UniformDropout` of the same name."""
        noise = node.noise
        assert noise is not None  # noqa: S101 - a noise layer's call
        first = noise.along is Along.CHANNEL and noise.mask_shape[1] == node.shape[1]
        uniform = UniformDropout(
            _FIRST_BETA,
            along=noise.along.value,  # type: ignore[arg-type] # a layer drops no blocks
            data_format="channels_first" if first else "channels_last",
            name=layer.name,
            dtype=layer.dtype_policy,
        )
        self._set(self.plan.exchange(layer, uniform))
        return uniform

    def set_beta(self, layer: Any, beta: float) -> None:  # noqa: ANN401 - a layer
        """Not taken back: the layer goes as a whole."""
        layer.beta = beta

    def to_weaker(self, layer: Any) -> keras.layers.Layer:  # noqa: ANN401 - a layer
        """A layer of the same class and settings."""
        weaker = type(layer).from_config(layer.get_config())
        self._set(self.plan.exchange(layer, weaker))
        return weaker

    def set_rate(self, layer: Any, rate: float) -> None:  # noqa: ANN401 - a layer
        """Not taken back: the layer goes as a whole."""
        layer.rate = rate
        if rate == 0:
            # Keras makes a layer of rate 0 without a seed: a copy would be one variable short.
            layer._seed_generators.clear()  # noqa: SLF001 - no public way to be without

    def to_plain(self, layer: Any, rate: float) -> keras.layers.Layer:  # noqa: ANN401 - a layer
        """`keras.layers.Dropout` of the same name."""
        plain = keras.layers.Dropout(rate, name=layer.name, dtype=layer.dtype_policy)
        self._set(self.plan.exchange(layer, plain))
        return plain

    def words(self, layer: Any) -> str:  # noqa: ANN401 - a layer
        """Its class and its half-width or rate."""
        amount = f"beta={layer.beta:.3g}" if hasattr(layer, "beta") else f"{layer.rate:.3g}"
        return f"{type(layer).__name__}({amount})"

    def turn_momentum(self, path: str, momentum: float) -> tuple[float, float] | None:
        """1 - momentum; the graph has that of torch, which is 1 - Keras'."""
        layer = self._layers()[path]
        own = getattr(layer, "momentum", None)
        if own is None or abs(1.0 - own - momentum) > 1e-9:  # noqa: PLR2004 - rounding
            return None
        turned = round(1.0 - own, 12)
        layer.momentum = turned
        self.journal.on_undo(lambda: setattr(layer, "momentum", own))
        return own, turned

    def values(self, node: Node, role: str) -> np.ndarray | None:
        """Of the variable that the layer has for a role."""
        variable = self._variable(node, role)
        if variable is None:
            return None
        return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float64)

    def write(self, node: Node, role: str, values: np.ndarray) -> None:
        """Rounded once, to the variable's own type."""
        variable = self._variable(node, role)
        before = keras.ops.convert_to_numpy(variable).copy()
        variable.assign(keras.ops.convert_to_tensor(values, variable.dtype))
        self.journal.on_undo(lambda: variable.assign(before))

    def spread(self, node: Node, bias: np.ndarray, count: int) -> np.ndarray:
        """Each position of a flattened image has all channels, or each channel all positions."""
        times = count // bias.size
        return np.repeat(bias, times) if node.channel_axis == 1 else np.tile(bias, times)

    def is_tied(self, _: Snapshot, node: Node, role: str) -> bool:
        """Whether another layer has the same variable."""
        variable = self._variable(node, role)
        theirs = [getattr(layer, _ROLES[role], None) for layer in self._layers().values()]
        return sum(each is variable for each in theirs) > 1

    def remove_bias(self, node: Node) -> None:
        """A layer made with use_bias=False, with the same other weights."""
        layer = self._layers()[node.layer]
        bare = type(layer).from_config({**layer.get_config(), "use_bias": False})
        bare.build_from_config(layer.get_build_config())
        kept = [variable for variable in layer.weights if variable is not layer.bias]
        renamed = dict(zip(map(id, kept), map(id, bare.weights), strict=True))
        for variable, value in zip(bare.weights, kept, strict=True):
            variable.assign(value)
        before = self._weights
        self._weights = [renamed.get(key, key) for key in before if key != id(layer.bias)]
        self.journal.on_undo(lambda: setattr(self, "_weights", before))
        self._set(self.plan.exchange(layer, bare))

    def _set(self, plan: Plan) -> None:
        before = self.plan
        self.plan = plan
        self.journal.on_undo(lambda: setattr(self, "plan", before))

    def _layers(self) -> dict[str, Any]:
        """The layers of the model by their paths."""
        model = self.model
        layers = {id(layer): layer for layer in model._flatten_layers()}  # noqa: SLF001 - no public walk
        paths = paths_of(model).items()
        return {path: layers.get(key, model) for key, path in paths}

    def _closed_holder(self, path: str) -> Any:  # noqa: ANN401 - a layer, or None
        """The outermost layer around a path that is no graph of layers."""
        layers = self._layers()
        # A name may hold a dot of its own.
        around = [layers[path[:end]] for end in ends(path)[:-1] if path[:end] in layers]
        return next((layer for layer in around if not is_rebuildable(layer)), None)

    def _has_position(self, snapshot: Snapshot, edge: GraphEdge) -> bool:
        """Whether the node is a layer of a graph that is called once."""
        path = edge.node.layer
        layer = self._layers().get(path)
        once = snapshot.calls.get(path) == 1 and len(snapshot.nodes(path)) == 1
        return once and not isinstance(layer, _NOISE) and self._closed_holder(path) is None

    def _placed(self, layer: Any, edge: GraphEdge) -> Plan | None:  # noqa: ANN401 - a layer
        """The plan with a layer in an edge; None where the weights would be in another order.

        Keras orders layers by how far they are from the outputs, so that branches side by side may
        come out in another order where one of them gets longer.
        """
        position = self._position(edge)
        for each in (position, replace(position, identity=True)):
            plan = self.plan.move(layer, each)
            try:
                model = _built(self._first, plan)
            except Exception:  # noqa: BLE001, S112 - a layer that does not take it raises in its own way
                continue
            if [id(variable) for variable in model.weights] == self._weights:
                return plan
        return None

    def _position(self, edge: GraphEdge) -> LayerPosition:
        return LayerPosition(self.plan.origin(self._layers()[edge.node.layer]), edge.side)

    def _variable(self, node: Node, role: str) -> Any:  # noqa: ANN401 - a variable, or None
        return getattr(self._layers()[node.layer], _ROLES[role], None)


def _built(model: keras.Model, plan: Plan) -> keras.Model:
    """The model by a plan, on its own layers."""
    return Rebuild(plan, lambda layer: layer, everything=False)(model)


class _Outputs:
    """The outputs of a model in inference on made-up inputs.

    A model that does not run on them has none, and nothing is said of it.
    """

    def __init__(self, model: keras.Model, example: Any) -> None:  # noqa: ANN401 - see capture
        generator = np.random.default_rng(_SEED)
        self._inputs = synthetic(example, _COUNT, generator, first=False)
        self._outputs = self._run(model)

    def agrees(self, model: keras.Model, tolerance: float = 0.0) -> bool:
        """Whether a model yields these outputs.

        Args:
            model: The model as it is now.
            tolerance: The largest difference, as a share of the largest output; 0 for the same
                outputs to the last bit.
        """
        if self._outputs is None:
            return True
        now = self._run(model)
        if now is None or len(now) != len(self._outputs):
            return False
        return all(map(_close, self._outputs, now, [tolerance] * len(now)))

    def _run(self, model: keras.Model) -> list[np.ndarray] | None:
        learned = {id(variable) for variable in model.weights}
        seeds = [variable for variable in model.variables if id(variable) not in learned]
        before = [keras.ops.convert_to_numpy(seed).copy() for seed in seeds]
        try:
            outputs = model(self._inputs, training=False)
        except Exception:  # noqa: BLE001 - any model may refuse made-up inputs in its own way
            return None
        finally:
            # Noise that is always on draws the same the next time.
            for seed, value in zip(seeds, before, strict=True):
                seed.assign(value)
        return [np.array(keras.ops.convert_to_numpy(each)) for each in keras.tree.flatten(outputs)]


def _close(was: np.ndarray, is_now: np.ndarray, tolerance: float) -> bool:
    if was.shape != is_now.shape:
        return False
    if not np.issubdtype(was.dtype, np.floating):
        return bool(np.array_equal(was, is_now))
    finite = np.abs(was[np.isfinite(was)])
    scale = float(finite.max()) if finite.size else 1.0
    return bool(np.allclose(was, is_now, rtol=0.0, atol=tolerance * scale, equal_nan=True))
