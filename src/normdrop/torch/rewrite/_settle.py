"""Findings that one exchanged layer or one number mends."""

from torch import nn

from normdrop.findings import Finding
from normdrop.repairs import Change, Place, before_weight, behind_pool
from normdrop.torch.rewrite._candidates import Refusal
from normdrop.torch.rewrite._insert import noise_module, put, realizable
from normdrop.torch.rewrite._journal import Journal
from normdrop.torch.rewrite._look import Look


def move_from_logits(
    model: nn.Module, look: Look, finding: Finding, journal: Journal
) -> Change | Refusal:
    """ND106: dropout on logits goes before the last weight."""
    node = look.nodes(finding.layers[0])[0]
    return _moved(model, look, finding, before_weight(look.graph, node), journal)


def move_behind_pool(
    model: nn.Module, look: Look, finding: Finding, journal: Journal
) -> Change | Refusal:
    """ND107: dropout before a max-pool goes behind it."""
    node = look.nodes(finding.layers[0])[0]
    return _moved(model, look, finding, behind_pool(look.graph, node), journal)


def drop_elements(
    model: nn.Module, look: Look, finding: Finding, journal: Journal
) -> Change | Refusal:
    """ND108: channel-wise dropout of features becomes plain dropout of the same rate."""
    module = noise_module(model, look, finding.layers[0])
    if isinstance(module, str):
        return Refusal(finding, f"{module}; use plain dropout")
    noise = look.nodes(finding.layers[0])[0].noise
    plain = nn.Dropout(noise.rate if noise is not None else 0.5)
    journal.replace(model, module, plain)
    return Change(finding.code, finding.layers[0], f"{type(module).__name__} replaced by {plain}")


def turn_momentum(
    model: nn.Module, look: Look, finding: Finding, journal: Journal
) -> Change | Refusal:
    """ND206: a momentum in the other framework's convention."""
    norm = look.nodes(finding.layers[0])[0]
    module = model.get_submodule(finding.layers[0])
    momentum = norm.norm.momentum if norm.norm is not None else None
    if momentum is None or getattr(module, "momentum", None) != momentum:
        return Refusal(finding, "its momentum is no attribute of the layer; write 1 - momentum")
    turned = round(1 - momentum, 12)
    journal.attribute(module, "momentum", turned)
    return Change(finding.code, finding.layers[0], f"momentum {momentum:.3g} becomes {turned:.3g}")


def _moved(
    model: nn.Module, look: Look, finding: Finding, place: Place | None, journal: Journal
) -> Change | Refusal:
    layer = finding.layers[0]
    module = noise_module(model, look, layer)
    if isinstance(module, str):
        return Refusal(finding, f"{module}; {finding.fix}")
    calls = look.nodes(layer)
    spot = realizable(model, look, calls[0], place.spots) if place else None
    if len(calls) > 1 or place is None or spot is None:
        return Refusal(finding, f"the place is no module that is called once; {finding.fix}")
    journal.replace(model, module, nn.Identity())
    put(journal, model, module, spot)
    return Change(finding.code, layer, f"{type(module).__name__} moved {place.words}")


MENDERS = {
    "ND106": move_from_logits,
    "ND107": move_behind_pool,
    "ND108": drop_elements,
    "ND206": turn_momentum,
}
"""What mends the findings of a rule, by its code."""
