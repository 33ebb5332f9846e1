"""Where dropout that feeds a norm may stand in a file, judged by the models the file describes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from normdrop.mending.harm import Harm, draws, harms, in_a_row, row_start, weighed_after
from normdrop.mending.patches._script import Mending, Script
from normdrop.mending.patches._weaker_noise import Weaker
from normdrop.shifts.graph import Activation, Graph, Kind, Node
from normdrop.values.findings import Finding
from normdrop.values.location import Location

if TYPE_CHECKING:
    from normdrop.lint.source import Sketch

_MERGES = frozenset({Kind.ADD, Kind.CONCATENATE})
_UNCERTAIN = frozenset({Kind.UNKNOWN, Kind.ATTENTION, Kind.RECURRENT, Kind.MATMUL})
Row = tuple[int, int]
"""A sketch, and the node at which one of its rows between two weights starts."""


class _SketchModel:
    """One model that the file describes, with where in the text its nodes are."""

    def __init__(self, script: Script, sketch: "Sketch") -> None:
        self.graph: Graph = sketch.graph
        self.made = sketch.made
        self.weighed = weighed_after(self.graph)
        self.places: dict[int, tuple[int, ...]] = {
            node.id: tuple(_offsets(script, [node.location, sketch.made.get(node.id)]))
            for node in self.graph
        }

    @cached_property
    def harms(self) -> dict[int, frozenset[Harm]]:
        """What harm each noise does."""
        return harms(self.graph)

    @cached_property
    def noise(self) -> frozenset[int]:
        """Where in the text the noise of this model is."""
        return frozenset(
            place
            for node in self.graph.of_kind(Kind.NOISE)
            if draws(node)
            for place in self.places[node.id]
        )

    @cached_property
    def text(self) -> frozenset[int]:
        """Where in the text all of this model is."""
        return frozenset(place for places in self.places.values() for place in places)

    def behind(self, noise: Node, stop: tuple[int, int]) -> Node | None:
        """The last node behind a noise that a stretch of the text makes or calls.

        Where the same text calls the noise again, as in the blocks of one class, what is behind the
        next call is that one's, unless nothing is between.
        """
        found = None
        reached = {noise.id}
        for node in self.graph.nodes[noise.id + 1 :]:
            if node.kind is Kind.NOISE and found and self.places[node.id] == self.places[noise.id]:
                break
            if not reached.isdisjoint(node.inputs):
                reached.add(node.id)
                if any(stop[0] <= place < stop[1] for place in self.places[node.id]):
                    found = node
        return found


@dataclass(frozen=True, slots=True)
class _Standing:
    """One call of the noise that a finding is about."""

    number: int
    model: _SketchModel
    noise: Node


class Layout:
    """The models that a file describes, and which noise has come to stand where."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.models = [_SketchModel(script, sketch) for sketch in script.source.sketches]

    @cached_property
    def _by_place(self) -> dict[int, list[_Standing]]:
        found: defaultdict[int, list[_Standing]] = defaultdict(list)
        for number, model in enumerate(self.models):
            for node in model.graph.of_kind(Kind.NOISE):
                if draws(node):
                    for place in set(model.places[node.id]):
                        found[place].append(_Standing(number, model, node))
        return dict(found)

    def depth(self, place: Location | None) -> int:
        """How far from the input the noise at a place stands."""
        return max((site.noise.id for site in self._sites(place)), default=0)

    def harms_within(self, spans: Iterable[tuple[int, int]]) -> dict[Harm, int]:
        """How many calls of the noise within stretches of the text do each harm."""
        within = [
            site
            for place, sites in self._by_place.items()
            if any(start <= place < end for start, end in spans)
            for site in sites
        ]
        seen = {(site.number, site.noise.id): site for site in within}
        counted: defaultdict[Harm, int] = defaultdict(int)
        for site in seen.values():
            for harm in site.model.harms[site.noise.id]:
                counted[harm] += 1
        return counted

    def ranked(
        self, place: Location | None, options: Iterable[Mending], taken: set[Row]
    ) -> Iterator[tuple[Mending, set[Row]]]:
        """The options that do no harm, with the rows they take; the best first.

        First those from where the noise reaches no norm, in the order given: the nearest. Then
        those from where it reaches norms only through an addition or concatenation, if it reaches
        one on a straighter way as it is.
        """
        sites = self._sites(place)
        if not sites:
            return
        second: list[tuple[Mending, set[Row]]] = []
        straight = any(_reach(site.model.graph, site.noise) == "straight" for site in sites)
        for option in options:
            if option.behind is None:
                continue
            judged = [_judged(site, option.behind, taken) for site in sites]
            found = [each for each in judged if each is not None]
            if not found or any(reach == "harm" for reach, _ in found):
                continue
            rows = {row for _, row in found}
            reaches = {reach for reach, _ in found}
            if reaches == {"none"}:
                yield replace(option, move="head"), rows
            elif straight and "straight" not in reaches:
                second.append((replace(option, move="branch"), rows))
        yield from second

    def weaker(self, finding: Finding) -> Weaker | None:
        """The noise that a finding is about, to be weakened; None where no model shows it."""
        sites = self._sites(finding.location)
        if not sites:
            return None
        made = sites[0].model.made.get(sites[0].noise.id)
        places = [each for each in (made, finding.location) if each is not None]
        return Weaker(sites[0].noise, tuple(dict.fromkeys(places)), finding.shift)

    def _sites(self, place: Location | None) -> Sequence[_Standing]:
        """The calls of the noise at a place, in models that are part of no larger one."""
        sites = self._by_place.get(self._script.offset(place), []) if place is not None else []
        models = {site.number: site.model for site in sites}
        return [
            site
            for site in sites
            if not any(_is_part(site.model, other) for other in models.values())
        ]


def harms_in(code: str) -> Counter[Harm]:
    """How many calls of noise do each harm, over all models that a text describes.

    >>> layers = "nn.BatchNorm1d(2), nn.Linear(2, 2), nn.Dropout(0.5)"
    >>> harms_in(f"from torch import nn; net = nn.Sequential({layers})")
    Counter({'late': 1})
    """
    models = Layout(Script("", code.encode())).models
    return Counter(harm for model in models for done in model.harms.values() for harm in done)


def _is_part(model: _SketchModel, other: _SketchModel) -> bool:
    """Whether a model is drawn as part of another too, as a block is of the network it is for."""
    if model.noise == other.noise:
        return model.text < other.text
    return model.noise < other.noise


def _judged(site: _Standing, stop: tuple[int, int], taken: set[Row]) -> tuple[str, Row] | None:
    """How the noise reaches norms from a stop, and the row it stands in there; or that it harms."""
    model = site.model
    target = model.behind(site.noise, stop)
    if target is None:
        return None
    row = site.number, row_start(model.graph, target).id
    row_of = [target, *in_a_row(model.graph, target)]
    others = [node for node in row_of if draws(node) and node.id != site.noise.id]
    late = site.noise.id in model.weighed and target.id not in model.weighed
    if others or late or row in taken or _on_logits(model.graph, target):
        return "harm", row
    return _reach(model.graph, target), row


def _reach(graph: Graph, place: Node) -> str:
    """How noise behind a node reaches norms: `"none"`, `"merged"` with others, or `"straight"`."""
    waiting, seen, found = [(place, False)], {place.id}, "none"
    while waiting:
        node, merged = waiting.pop()
        for following in graph.consumers(node):
            if following.id in seen or following.kind in _UNCERTAIN:
                continue
            seen.add(following.id)
            joined = merged or following.kind in _MERGES
            if not following.carries_statistics:
                waiting.append((following, joined))
            elif joined:
                found = "merged"
            else:
                return "straight"
    return found


def _on_logits(graph: Graph, place: Node) -> bool:
    """Whether a softmax takes the tensor as it is, or has made it."""
    around = [place, *graph.consumers(place)]
    return any(
        isinstance(node.details, Activation) and "softmax" in node.details.name for node in around
    )


def _offsets(script: Script, places: Iterable[Location | None]) -> Iterator[int]:
    for place in places:
        if place is not None and place.file == script.path:
            yield script.offset(place)
