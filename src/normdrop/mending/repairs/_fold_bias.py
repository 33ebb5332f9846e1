"""A bias that a norm cancels: folded into the running mean, or removed."""

from collections.abc import Iterator

import numpy as np

from normdrop.mending.repairs._candidates import Refusal
from normdrop.mending.repairs._editor import Editor
from normdrop.mending.repairs._fix import Change
from normdrop.mending.repairs._snapshot import Snapshot
from normdrop.shifts.graph import Kind, Node
from normdrop.values.findings import Finding


def fold_bias(
    editor: Editor, snapshot: Snapshot, finding: Finding, *, remove: bool
) -> Change | Refusal | None:
    """Take a cancelled bias out of a weight and out of the running means of the norms behind it.

    In eval mode (W x + b) - mean = W x - (mean - b), so the outputs stay but for rounding; in train
    mode the norm subtracts the mean of its batch, b with it.

    Returns:
        What was done, or why nothing can be; None for a bias that is zero already and stays.
    """
    layer = finding.layers[0]
    weights = snapshot.nodes(layer)
    bias = editor.values(weights[0], "bias")
    if bias is None:
        return Refusal(finding, "its bias is computed, not a parameter; leave it out")
    if editor.is_tied(snapshot, weights[0], "bias"):
        return Refusal(finding, "its bias is used elsewhere too; untie it first")
    norms = {norm.layer: norm for norm in (_norm_behind(snapshot, each) for each in weights)}
    for norm in norms.values():
        if not _only_behind(snapshot, norm, layer):
            return Refusal(finding, f"{norm.layer} normalises other tensors too")
    if not bias.any() and not remove:
        return None
    folded = [path for path, norm in norms.items() if _fold(editor, weights[0], norm, bias)]
    done = f"bias folded into the running mean of {', '.join(folded)} and " if folded else "bias "
    if remove:
        editor.remove_bias(weights[0])
        return Change(finding.code, layer, f"{done}removed")
    editor.write(weights[0], "bias", np.zeros_like(bias))
    return Change(finding.code, layer, f"{done}set to zero")


def _fold(editor: Editor, weight: Node, norm: Node, bias: np.ndarray) -> bool:
    """Subtract the bias from a norm's running mean, if it has one."""
    if "running_mean" not in norm.parameters:
        return False
    mean = editor.values(norm, "running_mean")
    if mean is None:
        return False
    editor.write(norm, "running_mean", mean - editor.spread(weight, bias, mean.size))
    return True


def _norm_behind(snapshot: Snapshot, weight: Node) -> Node:
    """The norm that cancels a weight's bias, as the finding says there is."""
    node = snapshot.graph.consumers(weight)[0]
    while node.kind is not Kind.NORM:
        node = snapshot.graph.consumers(node)[0]
    return node


def _only_behind(snapshot: Snapshot, norm: Node, weight: str) -> bool:
    """Whether a norm takes nothing but what one weight layer yields."""
    return all(
        source.layer == weight
        for call in snapshot.nodes(norm.layer)
        for source in _sources(snapshot, call)
    )


def _sources(snapshot: Snapshot, norm: Node) -> Iterator[Node]:
    """The nodes from which a norm's input comes through pools and shapes."""
    for source in snapshot.graph.sources(norm):
        node = source
        while node.kind in {Kind.POOL, Kind.RESHAPE}:
            node = snapshot.graph.sources(node)[0]
        yield node
