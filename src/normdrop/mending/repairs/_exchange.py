"""Findings that one exchanged layer or one number mends."""

from collections.abc import Callable

from normdrop.lint.rules import ModelMend
from normdrop.mending.repairs._candidates import Refusal
from normdrop.mending.repairs._editor import Editor
from normdrop.mending.repairs._fix import Change
from normdrop.mending.repairs._places import Destination, before_weight, behind_pool
from normdrop.mending.repairs._snapshot import Snapshot
from normdrop.values.findings import Finding


def move_from_logits(editor: Editor, snapshot: Snapshot, finding: Finding) -> Change | Refusal:
    """Dropout on logits goes before the last weight."""
    node = snapshot.nodes(finding.layers[0])[0]
    return _moved(editor, snapshot, finding, before_weight(snapshot.graph, node))


def move_behind_pool(editor: Editor, snapshot: Snapshot, finding: Finding) -> Change | Refusal:
    """Dropout before a max-pool goes behind it."""
    node = snapshot.nodes(finding.layers[0])[0]
    return _moved(editor, snapshot, finding, behind_pool(snapshot.graph, node))


def drop_elements(editor: Editor, snapshot: Snapshot, finding: Finding) -> Change | Refusal:
    """Channel-wise dropout of features becomes plain dropout of the same rate."""
    layer = editor.noise_layer(snapshot, finding.layers[0])
    if isinstance(layer, str):
        return Refusal(finding, f"{layer}; use plain dropout")
    noise = snapshot.nodes(finding.layers[0])[0].noise
    plain = editor.to_plain(layer, noise.rate if noise is not None else 0.5)
    what = f"{type(layer).__name__} replaced by {editor.words(plain)}"
    return Change(finding.code, finding.layers[0], what)


def exchange_momentum(editor: Editor, snapshot: Snapshot, finding: Finding) -> Change | Refusal:
    """A momentum in the other framework's convention."""
    path = finding.layers[0]
    norm = snapshot.nodes(path)[0].norm
    momentum = norm.momentum if norm is not None else None
    turned = None if momentum is None else editor.turn_momentum(path, momentum)
    if turned is None:
        return Refusal(finding, "its momentum is no attribute of the layer; write 1 - momentum")
    was, becomes = turned
    return Change(finding.code, path, f"momentum {was:.3g} becomes {becomes:.3g}")


def _moved(
    editor: Editor, snapshot: Snapshot, finding: Finding, place: Destination | None
) -> Change | Refusal:
    path = finding.layers[0]
    layer = editor.noise_layer(snapshot, path)
    if isinstance(layer, str):
        return Refusal(finding, f"{layer}; {finding.fix}")
    calls = snapshot.nodes(path)
    edge = editor.realizable(snapshot, calls[0], place.edges) if place else None
    if len(calls) > 1 or place is None or edge is None:
        return Refusal(finding, f"the place is no layer that is called once; {finding.fix}")
    editor.move(layer, edge)
    return Change(finding.code, path, f"{type(layer).__name__} moved {place.words}")


MENDERS: dict[ModelMend, Callable[[Editor, Snapshot, Finding], Change | Refusal]] = {
    ModelMend.MOVE_BEFORE_WEIGHT: move_from_logits,
    ModelMend.MOVE_BEHIND_POOL: move_behind_pool,
    ModelMend.PLAIN_DROPOUT: drop_elements,
    ModelMend.TURN_MOMENTUM: exchange_momentum,
}
"""What carries out the changes that concern one layer each."""
