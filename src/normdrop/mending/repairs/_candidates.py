"""What may become of each noise layer that feeds a norm."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from normdrop.mending.repairs._editor import Bench
from normdrop.mending.repairs._places import Move, Place, Spot, branch_place, head_place
from normdrop.mending.repairs._refusal import Refusal
from normdrop.mending.repairs._request import Wishes
from normdrop.mending.repairs._snapshot import Look
from normdrop.shifts.graph import Along, Node
from normdrop.values.findings import Finding


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that may become of a noise layer.

    Attributes:
        move: What.
        spot: Where it goes; None where it stays.
        words: Where it goes, in words.
    """

    move: Move
    spot: Spot | None = None
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
        wished: Whether the user asked for the only option.
        tried: For each move that was given up, why.
    """

    finding: Finding
    path: str
    layer: Any
    node: Node
    options: list[Option]
    wished: bool
    tried: dict[Move, str] = field(default_factory=dict)


def candidates(
    bench: Bench, look: Look, findings: Iterable[Finding], wishes: Wishes
) -> tuple[list[Candidate], list[Refusal]]:
    """The noise layers to treat, and those that cannot be."""
    found: list[Candidate] = []
    refused: list[Refusal] = []
    claimed: set[tuple[str, int]] = set()
    # The noise nearest to the head is the one that may go there.
    for finding in sorted(findings, key=lambda each: -_first(look, each).id):
        path, wish = finding.layers[0], wishes.of(finding.layers[0])
        node = _first(look, finding)
        if wish == "keep":
            continue
        layer = bench.noise_layer(look, path)
        if isinstance(layer, str):
            refused.append(Refusal(finding, f"{layer}; {_by_hand(bench, look, node)}"))
            continue
        options = [
            option
            for option in _options(bench, look, node, wish)
            if option.spot is None or (option.spot.side, option.spot.node.id) not in claimed
        ]
        claimed |= {(o.spot.side, o.spot.node.id) for o in options if o.spot is not None}
        if options:
            found.append(Candidate(finding, path, layer, node, options, wish is not None))
        else:
            reason = f"it has no place to move to; {_by_hand(bench, look, node)}"
            refused.append(Refusal(finding, reason))
    return found, refused


def _options(bench: Bench, look: Look, node: Node, wish: Move | None) -> list[Option]:
    """What may become of one noise layer."""
    options: list[Option] = []
    if len(look.nodes(node.layer)) == 1 and not _drops_samples(node):
        branch = branch_place(look.graph, node)
        places: list[Place | None] = [branch]
        if branch is None or wish == "head":
            places.append(head_place(look.graph, node))
        for place in places:
            spot = bench.realizable(look, node, place.spots) if place else None
            if place and spot:
                options.append(Option(place.move, spot, place.words))
    options.append(Option("uniform"))
    return [option for option in options if wish is None or option.move == wish]


def _by_hand(bench: Bench, look: Look, node: Node) -> str:
    """What to do in the source."""
    place = branch_place(look.graph, node) or head_place(look.graph, node)
    if place is None or not place.spots or _drops_samples(node):
        return f"use {bench.kit}.UniformDropout there, or leave it out"
    return f"in the source, move it {place.words}"


def _drops_samples(node: Node) -> bool:
    """Whether it is stochastic depth, whose place is the end of a branch."""
    return node.noise is not None and node.noise.along is Along.SAMPLE


def _first(look: Look, finding: Finding) -> Node:
    return look.nodes(finding.layers[0])[0]
