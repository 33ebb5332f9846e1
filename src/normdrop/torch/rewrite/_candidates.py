"""What may become of each noise layer that feeds a norm."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from torch import nn

from normdrop.findings import Finding
from normdrop.graph import Along, Node
from normdrop.repairs import Move, Place, Spot, branch_place, head_place
from normdrop.torch.rewrite._insert import noise_module, realizable
from normdrop.torch.rewrite._look import Look
from normdrop.torch.rewrite._wishes import Wishes


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
        layer: Its path.
        module: Its module.
        node: Its first call.
        options: What may become of it, the preferred first; those that failed are taken out.
        wished: Whether the user asked for the only option.
        tried: For each move that was given up, why.
    """

    finding: Finding
    layer: str
    module: nn.Module
    node: Node
    options: list[Option]
    wished: bool
    tried: dict[Move, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a finding stays, and what the user can do about it by hand."""

    finding: Finding
    reason: str

    def __str__(self) -> str:
        """A sentence."""
        layer = self.finding.layers[0] if self.finding.layers else "the model"
        return f"{self.finding.code} {layer} was left as it is: {self.reason}."


def candidates(
    model: nn.Module, look: Look, findings: Iterable[Finding], wishes: Wishes
) -> tuple[list[Candidate], list[Refusal]]:
    """The noise layers to treat, and those that cannot be."""
    found: list[Candidate] = []
    refused: list[Refusal] = []
    claimed: set[tuple[str, int]] = set()
    # The noise nearest to the head is the one that may go there.
    for finding in sorted(findings, key=lambda each: -_first(look, each).id):
        layer, wish = finding.layers[0], wishes.of(finding.layers[0])
        node = _first(look, finding)
        if wish == "keep":
            continue
        module = noise_module(model, look, layer)
        if isinstance(module, str):
            refused.append(Refusal(finding, f"{module}; {_by_hand(look, node)}"))
            continue
        options = [
            option
            for option in _options(model, look, node, wish)
            if option.spot is None or (option.spot.side, option.spot.node.id) not in claimed
        ]
        claimed |= {(o.spot.side, o.spot.node.id) for o in options if o.spot is not None}
        if options:
            found.append(Candidate(finding, layer, module, node, options, wish is not None))
        else:
            refused.append(Refusal(finding, f"it has no place to move to; {_by_hand(look, node)}"))
    return found, refused


def _options(model: nn.Module, look: Look, node: Node, wish: Move | None) -> list[Option]:
    """What may become of one noise layer."""
    options: list[Option] = []
    if len(look.nodes(node.layer)) == 1 and not _drops_samples(node):
        branch = branch_place(look.graph, node)
        places: list[Place | None] = [branch]
        if branch is None or wish == "head":
            places.append(head_place(look.graph, node))
        for place in places:
            spot = realizable(model, look, node, place.spots) if place else None
            if place and spot:
                options.append(Option(place.move, spot, place.words))
    options.append(Option("uniform"))
    return [option for option in options if wish is None or option.move == wish]


def _by_hand(look: Look, node: Node) -> str:
    """What to do in the source."""
    place = branch_place(look.graph, node) or head_place(look.graph, node)
    if place is None or not place.spots or _drops_samples(node):
        return "use normdrop.torch.UniformDropout there, or leave it out"
    return f"in the source, move it {place.words}"


def _drops_samples(node: Node) -> bool:
    """Whether it is stochastic depth, whose place is the end of a branch."""
    return node.noise is not None and node.noise.along is Along.SAMPLE


def _first(look: Look, finding: Finding) -> Node:
    return look.nodes(finding.layers[0])[0]
