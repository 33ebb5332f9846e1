"""Residual branches that hold a norm with running statistics, and the dropout on them."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from normdrop.lint.rules._noise_paths import expected_shift, noise_causes, parts
from normdrop.lint.rules._subject import Subject
from normdrop.shifts.graph import Along, Distribution, Graph, Kind, Node
from normdrop.shifts.graph.paths import Branch, residual_branches

WELL_PLACED = """
from torch import nn
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(8)
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.drop = nn.Dropout(0.2)
    def forward(self, x):
        return x + self.conv(self.drop(self.norm(x).relu()))
"""
"""A residual branch as it should be, for the examples of the rules on branches."""
_UNITS = {Along.ELEMENT, Along.CHANNEL}
_PASSED_BY = {Kind.RESHAPE, Kind.ACTIVATION}


@dataclass(frozen=True, slots=True)
class BranchDropout:
    """A branch and the dropout layers that stand on it, not on a branch inside it."""

    branch: Branch
    dropout: tuple[Node, ...]


def drops_units(node: Node) -> bool:
    """Whether it drops units or channels, or is Gaussian noise of the same moments.

    Stochastic depth and DropBlock are other measures, and uniform noise is a cure.
    """
    noise = node.noise
    if node.kind is not Kind.NOISE or noise is None or not noise.active:
        return False
    return noise.along in _UNITS and noise.distribution is not Distribution.UNIFORM


def branches_with_dropout(subject: Subject) -> tuple[BranchDropout, ...]:
    """The branches around a norm with running statistics; layer norm has no part in the matter."""
    graph = subject.graph
    if not any(map(drops_units, graph)) or not graph.of_kind(Kind.ADD):
        return ()
    branches = [
        branch
        for branch in residual_branches(graph)
        if any(node.carries_statistics for node in branch.nodes)
        # Two losses that are added are no trunk and branch.
        and not any(node.kind is Kind.UNKNOWN for node in branch.shortcut)
    ]
    # The shortest branch around a dropout is its own; longer ones hold whole blocks.
    branches.sort(key=lambda branch: len(branch.nodes))
    taken: set[int] = set()
    found = []
    for branch in branches:
        inside = [node for node in branch.nodes if drops_units(node) and node.id not in taken]
        taken |= {node.id for node in branch.nodes}
        found.append(BranchDropout(branch, tuple(inside)))
    return tuple(found)


def where_it_belongs(subject: Subject) -> frozenset[str]:
    """The noise layers that stand where they shift norms least (guideline 1 of Kim et al., 2023).

    That is behind the last norm of their residual branch and before its last weight, or at its end
    where no weight follows that norm: norms of later blocks see them only diluted by the trunk.
    """
    placed = Counter(
        node.layer
        for each in branches_with_dropout(subject)
        for node in each.dropout
        if _is_behind_norm(each.branch, node)
    )
    calls = Counter(node.layer for node in subject.graph.of_kind(Kind.NOISE))
    return frozenset(layer for layer in placed if placed[layer] == calls[layer])


def _is_behind_norm(branch: Branch, noise: Node) -> bool:
    norm, weight = branch.last_norm, branch.last_weight
    if norm is None or not norm.carries_statistics or noise.id < norm.id:
        return False
    return weight is None or weight.id < norm.id or noise.id < weight.id


def on_trunk(graph: Graph, branch: Branch) -> Iterator[Node]:
    """Dropout on the shortcut, or straight before branch and shortcut part."""
    yield from filter(drops_units, branch.shortcut)
    before = branch.fork
    while before.kind in _PASSED_BY and len(before.inputs) == 1:
        before = graph.sources(before)[0]
    if drops_units(before):
        yield before


def leads_to(graph: Graph, first: Node, last: Node, inside: Branch) -> bool:
    """Whether a way along a branch leads from one node to another."""
    allowed = {node.id for node in inside.nodes}
    waiting, seen = deque([first]), {first.id}
    while waiting:
        for following in graph.consumers(waiting.popleft()):
            if following.id == last.id:
                return True
            if following.id in allowed and following.id not in seen:
                seen.add(following.id)
                waiting.append(following)
    return False


def already_blamed(subject: Subject) -> set[str]:
    """The noise layers that certainly shift a norm, which ND101 says of them."""
    if subject.captured is not None:
        shifted = {path for path, each in subject.shifts.items() if each.severity != "note"}
        return {
            noise
            for noise, norms in parts(subject).items()
            if any(log is None or norm in shifted for norm, log in norms.items())
        }
    return {
        cause.noise.layer
        for cause in noise_causes(subject)
        if any(expected_shift(subject, way) is not None for way in cause.ways)
    }
