"""From recorded nodes to a graph: which layer each call belongs to, which layers were used."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from torch import nn

from normdrop.shifts.graph import Kind, Layer, Node
from normdrop.torch.capture._nodes import Origin
from normdrop.torch.hooks import HELD
from normdrop.values.location import Location

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


def _is_leaf(module: nn.Module) -> bool:
    """Whether a module has no modules inside but dropout that its own hooks apply."""
    return all(name in HELD for name, _ in module.named_children())


def _ends(path: str) -> list[int]:
    """Where the paths of a module and of those around it end."""
    return [i for i, letter in enumerate(path) if letter == "."] + [len(path)]
