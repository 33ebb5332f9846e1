"""What may become of each noise layer that feeds a norm."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from normdrop.mending.repairs._editor import Editor
from normdrop.mending.repairs._places import Destination, GraphEdge, Move, branch_place, head_place
from normdrop.mending.repairs._request import Request
from normdrop.mending.repairs._snapshot import Snapshot
from normdrop.shifts.graph import Along, Node
from normdrop.values.findings import Finding


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a finding stays, and what the user can do about it by hand."""

    finding: Finding
    reason: str

    def __str__(self) -> str:
        """A sentence."""
        layer = self.finding.layers[0] if self.finding.layers else "the model"
        return f"{self.finding.code} {layer} was left as it is: {self.reason}."


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


@dataclass(frozen=True, slots=True)
class Opening:
    """A noise layer that feeds a norm, and all that could become of it but staying.

    Attributes:
        finding: What was found.
        node: Its first call.
        layer: The layer itself, or, as text, why it cannot be exchanged.
        inside: Whether it belongs to a branch, whose regularisation it is.
        options: What could become of it, each kind of move once; none where it cannot be exchanged.
    """

    finding: Finding
    node: Node
    layer: Any
    inside: bool
    options: tuple[Option, ...]

    @property
    def path(self) -> str:
        """Its path."""
        return self.node.layer


def openings(editor: Editor, snapshot: Snapshot, findings: Iterable[Finding]) -> list[Opening]:
    """All that could become of each noise layer.

    Of those that could go to one place, one outside of branches may, the nearest to it.
    """
    found: list[Opening] = []
    claimed: set[tuple[str, int]] = set()
    first = {finding.layers[0]: snapshot.nodes(finding.layers[0])[0] for finding in findings}
    branches = {path: branch_place(snapshot.graph, node) for path, node in first.items()}
    ranked = sorted(
        findings,
        key=lambda each: (branches[each.layers[0]] is not None, -first[each.layers[0]].id),
    )
    for finding in ranked:
        path = finding.layers[0]
        layer, branch = editor.noise_layer(snapshot, path), branches[path]
        options: tuple[Option, ...] = ()
        if not isinstance(layer, str):
            options = tuple(
                option
                for option in _options(editor, snapshot, first[path], branch)
                if option.edge is None or (option.edge.side, option.edge.node.id) not in claimed
            )
        claimed |= {(o.edge.side, o.edge.node.id) for o in options if o.edge is not None}
        found.append(Opening(finding, first[path], layer, branch is not None, options))
    return sorted(found, key=lambda each: each.node.id)


def candidates(
    editor: Editor, snapshot: Snapshot, open_: Iterable[Opening], request: Request
) -> tuple[list[Candidate], list[Refusal]]:
    """The noise layers to treat, and those that cannot be."""
    found: list[Candidate] = []
    refused: list[Refusal] = []
    for each in open_:
        move = request.of(each.path)
        if is_kept(snapshot, each.path, request):
            continue
        if isinstance(each.layer, str):
            by_hand = _by_hand(editor, snapshot, each.node)
            refused.append(Refusal(each.finding, f"{each.layer}; {by_hand}"))
            continue
        options = _ranked(each, move, request.prefer)
        if options:
            requested = move is not None
            found.append(
                Candidate(each.finding, each.path, each.layer, each.node, options, requested)
            )
        else:
            reason = f"it has no place to move to; {_by_hand(editor, snapshot, each.node)}"
            refused.append(Refusal(each.finding, reason))
    return found, refused


def is_kept(snapshot: Snapshot, path: str, request: Request) -> bool:
    """Whether a noise layer stays: as asked, or as it stands where guideline 1 puts it."""
    move = request.of(path)
    if move is not None:
        return move == "keep"
    return request.prefer[:1] == ("keep",) or (not request.prefer and path in snapshot.placed)


def _options(
    editor: Editor, snapshot: Snapshot, node: Node, branch: Destination | None
) -> list[Option]:
    """What could become of one noise layer."""
    options: list[Option] = []
    if len(snapshot.nodes(node.layer)) == 1 and not _drops_samples(node):
        for place in (branch, head_place(snapshot.graph, node)):
            edge = editor.realizable(snapshot, node, place.edges) if place else None
            if place and edge:
                options.append(Option(place.move, edge, place.words))
    return [*options, Option("uniform"), Option("lower"), Option("remove")]


def _ranked(open_: Opening, move: Move | None, prefer: tuple[Move, ...]) -> list[Option]:
    """The options to try: those asked for, or the preferred ones and then the usual ones."""
    given = {option.move: option for option in open_.options}
    if move is not None:
        return [given[move]] if move in given else []
    usual: tuple[Move, ...] = ("branch", "uniform") if open_.inside else ("head", "uniform")
    wanted = dict.fromkeys((*prefer, *usual))
    return [given[each] for each in wanted if each in given]


def _by_hand(editor: Editor, snapshot: Snapshot, node: Node) -> str:
    """What to do in the source."""
    place = branch_place(snapshot.graph, node) or head_place(snapshot.graph, node)
    if place is None or not place.edges or _drops_samples(node):
        return f"use {editor.kit}.UniformDropout there, or leave it out"
    return f"in the source, move it {place.words}"


def _drops_samples(node: Node) -> bool:
    """Whether it is stochastic depth, whose place is the end of a branch."""
    return node.noise is not None and node.noise.along is Along.SAMPLE
