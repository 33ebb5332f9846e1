"""A bias that a norm cancels: folded into the running mean, or removed."""

from collections.abc import Iterator

import numpy as np

from normdrop.mending.repairs._editor import Bench
from normdrop.mending.repairs._fix import Change
from normdrop.mending.repairs._refusal import Refusal
from normdrop.mending.repairs._snapshot import Look
from normdrop.shifts.graph import Kind, Node
from normdrop.values.findings import Finding

CODE = "ND201"


def fold_bias(
    bench: Bench, look: Look, finding: Finding, *, remove: bool
) -> Change | Refusal | None:
    """Take a cancelled bias out of a weight and out of the running means of the norms behind it.

    In eval mode (W x + b) - mean = W x - (mean - b), so the outputs stay but for rounding; in train
    mode the norm subtracts the mean of its batch, b with it.

    Returns:
        What was done, or why nothing can be; None for a bias that is zero already and stays.
    """
    layer = finding.layers[0]
    weights = look.nodes(layer)
    bias = bench.values(weights[0], "bias")
    if bias is None:
        return Refusal(finding, "its bias is computed, not a parameter; leave it out")
    if bench.is_tied(look, weights[0], "bias"):
        return Refusal(finding, "its bias is used elsewhere too; untie it first")
    norms = {norm.layer: norm for norm in (_norm_behind(look, each) for each in weights)}
    for norm in norms.values():
        if not _only_behind(look, norm, layer):
            return Refusal(finding, f"{norm.layer} normalises other tensors too")
    if not bias.any() and not remove:
        return None
    folded = [path for path, norm in norms.items() if _fold(bench, weights[0], norm, bias)]
    done = f"bias folded into the running mean of {', '.join(folded)} and " if folded else "bias "
    if remove:
        bench.remove_bias(weights[0])
        return Change(CODE, layer, f"{done}removed")
    bench.write(weights[0], "bias", np.zeros_like(bias))
    return Change(CODE, layer, f"{done}set to zero")


def _fold(bench: Bench, weight: Node, norm: Node, bias: np.ndarray) -> bool:
    """Subtract the bias from a norm's running mean, if it has one."""
    if "running_mean" not in norm.parameters:
        return False
    mean = bench.values(norm, "running_mean")
    if mean is None:
        return False
    bench.write(norm, "running_mean", mean - bench.spread(weight, bias, mean.size))
    return True


def _norm_behind(look: Look, weight: Node) -> Node:
    """The norm that cancels a weight's bias, as the finding says there is."""
    node = look.graph.consumers(weight)[0]
    while node.kind is not Kind.NORM:
        node = look.graph.consumers(node)[0]
    return node


def _only_behind(look: Look, norm: Node, weight: str) -> bool:
    """Whether a norm takes nothing but what one weight layer yields."""
    return all(
        source.layer == weight for call in look.nodes(norm.layer) for source in _sources(look, call)
    )


def _sources(look: Look, norm: Node) -> Iterator[Node]:
    """The nodes from which a norm's input comes through pools and shapes."""
    for source in look.graph.sources(norm):
        node = source
        while node.kind in {Kind.POOL, Kind.RESHAPE}:
            node = look.graph.sources(node)[0]
        yield node
