"""Findings that one exchanged layer or one number mends."""

from normdrop.mending.repairs._editor import Bench
from normdrop.mending.repairs._fix import Change
from normdrop.mending.repairs._places import Place
from normdrop.mending.repairs._refusal import Refusal
from normdrop.mending.repairs._sidesteps import before_weight, behind_pool
from normdrop.mending.repairs._snapshot import Look
from normdrop.values.findings import Finding


def move_from_logits(bench: Bench, look: Look, finding: Finding) -> Change | Refusal:
    """ND106: dropout on logits goes before the last weight."""
    node = look.nodes(finding.layers[0])[0]
    return _moved(bench, look, finding, before_weight(look.graph, node))


def move_behind_pool(bench: Bench, look: Look, finding: Finding) -> Change | Refusal:
    """ND107: dropout before a max-pool goes behind it."""
    node = look.nodes(finding.layers[0])[0]
    return _moved(bench, look, finding, behind_pool(look.graph, node))


def drop_elements(bench: Bench, look: Look, finding: Finding) -> Change | Refusal:
    """ND108: channel-wise dropout of features becomes plain dropout of the same rate."""
    layer = bench.noise_layer(look, finding.layers[0])
    if isinstance(layer, str):
        return Refusal(finding, f"{layer}; use plain dropout")
    noise = look.nodes(finding.layers[0])[0].noise
    plain = bench.to_plain(layer, noise.rate if noise is not None else 0.5)
    what = f"{type(layer).__name__} replaced by {bench.words(plain)}"
    return Change(finding.code, finding.layers[0], what)


def turn_momentum(bench: Bench, look: Look, finding: Finding) -> Change | Refusal:
    """ND206: a momentum in the other framework's convention."""
    path = finding.layers[0]
    norm = look.nodes(path)[0].norm
    momentum = norm.momentum if norm is not None else None
    turned = None if momentum is None else bench.turn_momentum(path, momentum)
    if turned is None:
        return Refusal(finding, "its momentum is no attribute of the layer; write 1 - momentum")
    was, becomes = turned
    return Change(finding.code, path, f"momentum {was:.3g} becomes {becomes:.3g}")


def _moved(bench: Bench, look: Look, finding: Finding, place: Place | None) -> Change | Refusal:
    path = finding.layers[0]
    layer = bench.noise_layer(look, path)
    if isinstance(layer, str):
        return Refusal(finding, f"{layer}; {finding.fix}")
    calls = look.nodes(path)
    spot = bench.realizable(look, calls[0], place.spots) if place else None
    if len(calls) > 1 or place is None or spot is None:
        return Refusal(finding, f"the place is no layer that is called once; {finding.fix}")
    bench.move(layer, spot)
    return Change(finding.code, path, f"{type(layer).__name__} moved {place.words}")


MENDERS = {
    "ND106": move_from_logits,
    "ND107": move_behind_pool,
    "ND108": drop_elements,
    "ND206": turn_momentum,
}
"""What mends the findings of a rule, by its code."""
