"""A model's modules as the boxes of a picture."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from normdrop.shifts.graph import Graph, Kind, Node, Noise
from normdrop.shifts.graph.paths import residual_branches
from normdrop.shifts.map._noise import NoiseFlow

_DENSE = 2.5
"""Arrows a box from which on a picture shows only those that no longer way leads around."""
Arrows: TypeAlias = dict[tuple[str, str], frozenset[int]]
"""Pairs of boxes' keys, each with the noise between them, by number."""
MOST_BOXES = 40
"""Boxes of one picture up to which modules inside are opened."""


@dataclass(frozen=True, slots=True)
class Box:
    """A layer, a call of a function, or a module with its content.

    Attributes:
        key: Names it within a picture.
        path: Module path; for a call of a function, that of the module it was made in.
        title: What it is called.
        type: Its class or function.
        nodes: The calls it stands for, in order.
        inside: What it is opened to; empty for a layer, and for a module that is closed.
    """

    key: str
    path: str
    title: str
    type: str
    nodes: tuple[Node, ...]
    inside: "tuple[Box, ...]" = ()

    @property
    def is_module(self) -> bool:
        """Whether it stands for several calls."""
        return len(self.nodes) > 1

    @property
    def node(self) -> Node:
        """Its last call."""
        return self.nodes[-1]


@dataclass(frozen=True)
class Picture:
    """The inside of a module, and what flows in and out.

    Attributes:
        path: The module.
        boxes: The boxes, those inside open modules not counted.
        arrows: Pairs of keys, each with the noise it carries, by number.
        entries: Key of what flows in to the layer it comes from.
        exits: Key of what flows out to the layer it goes to.
        shortcuts: The arrows that carry a residual block's trunk past its branch.
        left_out: Key of a box to how many arrows into it are not drawn, since what they carry also
            comes by way of others; empty unless nearly everything is joined to everything.
    """

    path: str
    boxes: tuple[Box, ...]
    arrows: Arrows
    entries: dict[str, Node]
    exits: dict[str, Node]
    shortcuts: frozenset[tuple[str, str]]
    left_out: Mapping[str, int]


def modules_inside(flow: NoiseFlow) -> tuple[str, ...]:
    """Paths of the modules that are worth a picture of their own, outer ones first."""
    counts: dict[str, int] = {}
    for node in flow.nodes:
        for path in node.modules:
            counts[path] = counts.get(path, 0) + 1
    return ("", *sorted((p for p, n in counts.items() if p and n > 1), key=_natural))


def _natural(path: str) -> tuple[tuple[int, int | str], ...]:
    return tuple((0, int(p)) if p.isdecimal() else (1, p) for p in path.split("."))


def picture(graph: Graph, flow: NoiseFlow, path: str) -> Picture:
    """The picture of one module; modules inside are open as long as it stays legible."""
    inside = [node for node in flow.nodes if not path or path in node.modules]
    types = {layer.path: layer.type for layer in graph.layers}
    boxes = tuple(_boxes(inside, path, types))
    while True:
        opened = tuple(_opened(boxes, types))
        if _count(opened) == _count(boxes) or _count(opened) > MOST_BOXES:
            break
        boxes = opened
    home = {node.id: box.key for box in leaves(boxes) for node in box.nodes}
    by_id = {node.id: node for node in flow.nodes}
    trunks = {
        (branch.trunk.id, branch.add.id)
        for branch in residual_branches(graph)
        if not branch.shortcut
    }
    arrows: Arrows = {}
    ways: set[tuple[str, str]] = set()  # arrows that are more than a shortcut
    entries: dict[str, Node] = {}
    exits: dict[str, Node] = {}
    for (source, target), noise in flow.edges.items():
        if source not in home and target not in home:
            continue
        start = home.get(source, f"in:{source}")
        end = home.get(target, f"out:{target}")
        if start == end:
            continue
        if source not in home:
            entries[start] = by_id[source]
        if target not in home:
            exits[end] = by_id[target]
        arrows[start, end] = arrows.get((start, end), frozenset()) | noise
        if (source, target) not in trunks:
            ways.add((start, end))
    dense = len(arrows) > _DENSE * max(_count(boxes), 12)
    drawn = _reduced(arrows) if dense else arrows
    left_out = Counter(end for _, end in arrows.keys() - drawn.keys())
    return Picture(path, boxes, drawn, entries, exits, frozenset(drawn.keys() - ways), left_out)


def _reduced(arrows: Arrows) -> Arrows:
    """The arrows without those that a longer way leads around (the transitive reduction).

    Arrows come in the order of their ends' calls, sources before what takes from them.
    """
    into: defaultdict[str, list[str]] = defaultdict(list)
    for start, end in arrows:
        into[end].append(start)
    before: dict[str, set[str]] = {}
    kept: Arrows = {}
    for end, starts in into.items():
        reached: set[str] = set()
        # What comes by way of a later source needs no arrow of its own.
        for start in sorted(starts, key=lambda key: -len(before.get(key, ()))):
            if start not in reached:
                kept[start, end] = arrows[start, end]
                reached |= {start} | before.get(start, set())
        before[end] = reached
    return kept


def leaves(boxes: Iterable[Box]) -> Iterator[Box]:
    """The boxes that are not open, in order."""
    for box in boxes:
        if box.inside:
            yield from leaves(box.inside)
        else:
            yield box


def _count(boxes: Iterable[Box]) -> int:
    return sum(1 for _ in leaves(boxes))


def _opened(boxes: Iterable[Box], types: Mapping[str, str]) -> Iterator[Box]:
    """The same boxes, those modules that are closed opened by one level."""
    for box in boxes:
        inside = tuple(_opened(box.inside, types)) if box.inside else ()
        if not inside and box.is_module:
            inside = tuple(_boxes(box.nodes, box.path, types))
        if len(inside) == 1 and inside[0].is_module:  # a wrapper of one
            yield inside[0]
            continue
        yield Box(box.key, box.path, box.title, box.type, box.nodes, inside)


def _boxes(nodes: Sequence[Node], path: str, types: Mapping[str, str]) -> Iterator[Box]:
    """Consecutive calls within one child are one box, so that a picture has no circles."""
    prefix = f"{path}." if path else ""
    for child, run in groupby(nodes, key=lambda node: _child(node, path)):
        calls = tuple(run)
        if child is None or len(calls) == 1:
            yield from (_single(node, prefix) for node in calls)
        else:
            yield Box(
                f"{child}@{calls[0].id}",
                child,
                child.removeprefix(prefix),
                types.get(child, ""),
                calls,
            )


def _child(node: Node, path: str) -> str | None:
    """The module directly inside `path` that a call was made in."""
    if path not in node.modules:
        return None
    at = node.modules.index(path) + 1
    return node.modules[at] if at < len(node.modules) else None


def _single(node: Node, prefix: str) -> Box:
    function = node.layer.endswith(")") or not node.layer
    name = node.module.removeprefix(prefix) if not function else ""
    kind = node.operation if function else node.module_type
    return Box(f"@{node.id}", node.module, name, kind, (node,))


def parameter_count(nodes: Iterable[Node]) -> int:
    """How many values the calls learn, each parameter counted once."""
    sizes = {
        each.path or str(id(each)): math.prod(each.shape)
        for node in nodes
        for role, each in node.parameters.items()
        if not role.startswith("running")
    }
    return sum(sizes.values())


def noise_text(noise: Noise) -> str:
    """The strength of a noise, as its layers have it."""
    if noise.rate:
        return f"p = {noise.rate:g}" if not math.isnan(noise.rate) else "rate unknown"
    return f"β = {noise.spread:g}" if noise.distribution == "uniform" else f"σ = {noise.spread:g}"


def is_sum(node: Node) -> bool:
    """Whether a call puts two tensors together."""
    return node.kind in {Kind.ADD, Kind.MULTIPLY, Kind.CONCATENATE, Kind.MATMUL}
