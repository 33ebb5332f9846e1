"""What may become of each noise layer that feeds a norm."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from normdrop.mending.repairs._editor import Editor
from normdrop.mending.repairs._fix import Refusal
from normdrop.mending.repairs._places import Destination, GraphEdge, Move, branch_place, head_place
from normdrop.mending.repairs._request import Request
from normdrop.mending.repairs._snapshot import Snapshot
from normdrop.shifts.graph import Along, Node
from normdrop.values.findings import Finding


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that may become of a noise layer.

    Attributes:
        move: What.
        edge: Where it goes; None where it stays.
        words: Where it goes, in words.
    """

    move: Move
    edge: GraphEdge | None = None
    words: str = ""


@dataclass
class Candidate:
    """A noise layer that feeds a norm, and what is tried for it.

    Attributes:
        finding: What was found.
        path: Its path.
        layer: The layer itself.
        node: Its first call.
        options: What may become of it, the preferred first; those that failed are taken out.
        requested: Whether the user asked for the only option.
        tried: For each move that was given up, why.
    """

    finding: Finding
    path: str
    layer: Any
    node: Node
    options: list[Option]
    requested: bool
    tried: dict[Move, str] = field(default_factory=dict)


def candidates(
    editor: Editor, snapshot: Snapshot, findings: Iterable[Finding], request: Request
) -> tuple[list[Candidate], list[Refusal]]:
    """The noise layers to treat, and those that cannot be."""
    found: list[Candidate] = []
    refused: list[Refusal] = []
    claimed: set[tuple[str, int]] = set()
    # The noise nearest to the head is the one that may go there.
    for finding in sorted(findings, key=lambda each: -_first(snapshot, each).id):
        path, move = finding.layers[0], request.of(finding.layers[0])
        node = _first(snapshot, finding)
        if move == "keep" or (move is None and request.prefer[:1] == ("keep",)):
            continue
        layer = editor.noise_layer(snapshot, path)
        if isinstance(layer, str):
            refused.append(Refusal(finding, f"{layer}; {_by_hand(editor, snapshot, node)}"))
            continue
        options = [
            option
            for option in _options(editor, snapshot, node, move, request.prefer)
            if option.edge is None or (option.edge.side, option.edge.node.id) not in claimed
        ]
        claimed |= {(o.edge.side, o.edge.node.id) for o in options if o.edge is not None}
        if options:
            found.append(Candidate(finding, path, layer, node, options, move is not None))
        else:
            reason = f"it has no place to move to; {_by_hand(editor, snapshot, node)}"
            refused.append(Refusal(finding, reason))
    return found, refused


def every_option(editor: Editor, snapshot: Snapshot, node: Node) -> list[Option]:
    """All that may become of one noise layer but staying, each kind of move once."""
    return _options(editor, snapshot, node, None, ("branch", "head", "lower", "uniform", "remove"))


def _options(
    editor: Editor,
    snapshot: Snapshot,
    node: Node,
    move: Move | None,
    prefer: tuple[Move, ...],
) -> list[Option]:
    """What may become of one noise layer, the preferred first."""
    options: list[Option] = []
    if len(snapshot.nodes(node.layer)) == 1 and not _drops_samples(node):
        branch = branch_place(snapshot.graph, node)
        places: list[Destination | None] = [branch]
        if branch is None or "head" in {move, *prefer}:
            places.append(head_place(snapshot.graph, node))
        for place in places:
            edge = editor.realizable(snapshot, node, place.edges) if place else None
            if place and edge:
                options.append(Option(place.move, edge, place.words))
    options.append(Option("uniform"))
    wanted = {move, *prefer}
    options += [Option(each) for each in ("lower", "remove") if each in wanted]
    options.sort(key=lambda each: prefer.index(each.move) if each.move in prefer else len(prefer))
    return [option for option in options if move is None or option.move == move]


def _by_hand(editor: Editor, snapshot: Snapshot, node: Node) -> str:
    """What to do in the source."""
    place = branch_place(snapshot.graph, node) or head_place(snapshot.graph, node)
    if place is None or not place.edges or _drops_samples(node):
        return f"use {editor.kit}.UniformDropout there, or leave it out"
    return f"in the source, move it {place.words}"


def _drops_samples(node: Node) -> bool:
    """Whether it is stochastic depth, whose place is the end of a branch."""
    return node.noise is not None and node.noise.along is Along.SAMPLE


def _first(snapshot: Snapshot, finding: Finding) -> Node:
    return snapshot.nodes(finding.layers[0])[0]
