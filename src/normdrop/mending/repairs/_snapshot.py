"""What a model is now: its graph, its expected shifts and its findings."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from normdrop.lint.rules import ModelMend, Rule, Subject, check_captured, well_placed
from normdrop.mending.harm import Harm, harms
from normdrop.shifts.graph import Captured, Graph, Node
from normdrop.shifts.moments import expected_shifts
from normdrop.shifts.report import LayerShift, ShiftReport
from normdrop.values.findings import Finding, Findings

_SAME = 0.002
"""Logarithms of shifts that differ by less are the same."""


@dataclass(frozen=True)
class Snapshot:
    """A model at one moment; what it costs to work out is worked out when it is asked for.

    Attributes:
        captured: Its graphs.
        names: The path of every layer, by its id.
        modes: Whether each layer is in train mode, by path, where layers have modes.
        rules: The rules that judge it.
    """

    captured: Captured
    names: dict[int, str]
    modes: dict[str, bool]
    rules: Sequence[Rule]

    @cached_property
    def shifts(self) -> dict[str, LayerShift]:
        """The expected shift at its norm layers, by path."""
        return {layer.path: layer for layer in expected_shifts(self.captured)}

    @cached_property
    def findings(self) -> Findings:
        """What the rules say."""
        layers = self.shifts.values()
        return check_captured(self.captured, layers, self.rules, modes=self.modes)

    @property
    def graph(self) -> Graph:
        """The calls in train mode."""
        return self.captured.train

    @property
    def report(self) -> ShiftReport:
        """The shifts as a report."""
        return ShiftReport(list(self.shifts.values()), "moments")

    @cached_property
    def calls(self) -> dict[str, int]:
        """How often each layer is called."""
        return {layer.path: layer.calls for layer in self.graph.layers}

    @cached_property
    def mends(self) -> dict[str, ModelMend]:
        """What mends the findings of a rule, by its code, where anything does."""
        return {rule.code: rule.model_mend for rule in self.rules if rule.model_mend is not None}

    @cached_property
    def placed(self) -> frozenset[str]:
        """The noise layers that stand where guideline 1 of Kim et al. (2023) puts them."""
        return well_placed(Subject(self.graph, self.captured, self.shifts, self.modes))

    @cached_property
    def parts(self) -> dict[str, dict[str, float]]:
        """What each noise layer adds to log Δ at each norm whose shift is known."""
        found: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for norm, layer in self.shifts.items():
            if layer.shift > 0:
                for noise, share in layer.causes.items():
                    found[noise][norm] = share * math.log(layer.shift)
        return dict(found)

    def worst(self, noise: str) -> tuple[str, float]:
        """The norm at which a noise layer's own part of the shift is largest, and that part.

        An empty name and 1 where it shifts none that is known.
        """
        parts = self.parts.get(noise, {})
        norm = max(parts, key=lambda each: abs(parts[each]), default="")
        return norm, math.exp(parts.get(norm, 0.0))

    @cached_property
    def _harms(self) -> dict[int, frozenset[Harm]]:
        return harms(self.graph)

    def harms(self, layer: str) -> frozenset[Harm]:
        """What harm a noise layer does where it stands, whichever of its calls does it."""
        done = (self._harms.get(node.id, frozenset()) for node in self.nodes(layer))
        return frozenset[Harm]().union(*done)

    @property
    def harmed(self) -> Counter[Harm]:
        """How many calls of noise do each harm."""
        return Counter(harm for done in self._harms.values() for harm in done)

    def of(self, *mends: ModelMend) -> list[Finding]:
        """The findings that some changes mend."""
        return [finding for finding in self.findings if self.mends.get(finding.code) in mends]

    def nodes(self, layer: str) -> tuple[Node, ...]:
        """The calls of a layer."""
        return self._calls_of.get(layer, ())

    @cached_property
    def _calls_of(self) -> dict[str, tuple[Node, ...]]:
        found: defaultdict[str, list[Node]] = defaultdict(list)
        for node in self.graph:
            found[node.layer].append(node)
        return {layer: tuple(nodes) for layer, nodes in found.items()}


def worse(before: Snapshot, now: Snapshot, norm: str) -> bool:
    """Whether a norm layer's expected shift is farther from 1 than it was."""
    was = before.shifts.get(norm)
    if was is None or not was.shift > 0:
        return False
    after = now.shifts[norm].shift
    return not after > 0 or abs(math.log(after)) > abs(math.log(was.shift)) + _SAME
