"""The layers of a model by their paths."""

from collections import Counter

import keras

from normdrop.errors import CaptureError
from normdrop.shifts.graph import Layer


def children(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers directly inside a layer."""
    inside = layer._flatten_layers(include_self=False, recursive=False)  # noqa: SLF001 - no public walk
    return [each for each in inside if not isinstance(each, keras.layers.InputLayer)]


def is_open(layer: keras.layers.Layer) -> bool:
    """Whether what a layer does is seen by looking inside: models, and layers of the user's own."""
    if isinstance(layer, keras.Model | keras.layers.Bidirectional):
        return True
    return bool(children(layer)) and not type(layer).__module__.startswith("keras.")


def check_built(model: keras.Model) -> None:
    """Refuse a layer that would be built by a call, for good.

    Raises:
        CaptureError: There is one; the message names it.
    """
    for layer in model._flatten_layers():  # noqa: SLF001 - Keras has no public walk of all layers
        if not layer.built:
            raise CaptureError(
                f"layer {layer.name!r} of {model.name!r} is not built: call the model once, or "
                "model.build(shape) with None for the batch axis"
            )


def overruled(model: keras.Model) -> frozenset[str]:
    """Paths of the layers of graphs, at any depth, that were called with `training=True`.

    A graph hands the mode of its own call to every layer in it, whatever that was called with.
    """
    paths = paths_of(model)
    layers = model._flatten_layers()  # noqa: SLF001 - Keras has no public walk of all layers
    graphs = [each for each in layers if isinstance(each, keras.Model)]
    found = set()
    for operation in (each for graph in graphs for each in getattr(graph, "operations", ())):
        for call in operation._inbound_nodes:  # noqa: SLF001 - Keras' own record
            if call.arguments.kwargs.get("training") is True and id(operation) in paths:
                found.add(paths[id(operation)])
    return frozenset(found)


def paths_of(model: keras.Model) -> dict[int, str]:
    """Id of every layer to its path: the names of the layers around it and its own, with dots.

    The model's own path is empty; a layer that is in several places has its first.
    """
    paths = {id(model): ""}

    def walk(layer: keras.layers.Layer, path: str) -> None:
        taken: Counter[str] = Counter()
        for child in children(layer):
            if id(child) in paths:
                continue
            taken[child.name] += 1
            name = child.name if taken[child.name] == 1 else f"{child.name}#{taken[child.name]}"
            paths[id(child)] = f"{path}.{name}" if path else name
            walk(child, paths[id(child)])

    walk(model, "")
    return paths


def layers_of(
    model: keras.Model, paths: dict[int, str], counts: Counter[int], *, training: bool
) -> tuple[Layer, ...]:
    """Every layer but the model itself, and whether this run made use of it."""
    known = {id(layer): layer for layer in model._flatten_layers()}  # noqa: SLF001 - see children
    called = {paths[key] for key, count in counts.items() if count and key in paths}
    reached = {path[:end] for path in called for end in ends(path)}
    # What a layer that is not opened does with those inside it is not known.
    closed = {paths[key] for key in counts if key in known and not is_open(known[key])}
    closed -= {paths[key] for key in known if isinstance(known[key], keras.layers.TimeDistributed)}
    reached |= {path for path in paths.values() for end in ends(path) if path[:end] in closed}
    return tuple(
        Layer(
            path,
            type(known[key]).__name__,
            counts[key],
            used=path in reached,
            leaf=not children(known[key]),
            training=training,
        )
        for key, path in paths.items()
        if path and key in known
    )


def ends(path: str) -> list[int]:
    """Where the paths of a layer and of those around it end."""
    return [index for index, letter in enumerate(path) if letter == "."] + [len(path)]
