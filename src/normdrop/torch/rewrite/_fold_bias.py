"""A bias that a norm cancels: folded into the running mean, or removed."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from normdrop.findings import Finding
from normdrop.graph import Kind, Node
from normdrop.repairs import Change
from normdrop.torch.rewrite._candidates import Refusal
from normdrop.torch.rewrite._journal import Journal
from normdrop.torch.rewrite._look import Look

CODE = "ND201"


def fold_bias(
    model: nn.Module, look: Look, finding: Finding, journal: Journal, *, remove: bool
) -> Change | Refusal | None:
    """Take a cancelled bias out of a weight and out of the running means of the norms behind it.

    In eval mode (W x + b) - mean = W x - (mean - b), so the outputs stay but for rounding; in train
    mode the norm subtracts the mean of its batch, b with it.

    Returns:
        What was done, or why nothing can be; None for a bias that is zero already and stays.
    """
    weights = look.nodes(finding.layers[0])
    name = weights[0].parameters["bias"].path
    bias = dict(model.named_parameters()).get(name)
    if bias is None:
        return Refusal(finding, "its bias is computed, not a parameter; pass bias=False")
    if _uses(model, look, name, bias) != len(weights):
        return Refusal(finding, "its bias is used elsewhere too; untie it first")
    norms = {norm.layer: norm for norm in (_norm_behind(look, each) for each in weights)}
    for norm in norms.values():
        if not _only_behind(look, norm, finding.layers[0]):
            return Refusal(finding, f"{norm.layer} normalises other tensors too")
    if not bool(bias.any()) and not remove:
        return None
    folded = [path for path, norm in norms.items() if _fold(model, norm, bias, journal)]
    done = f"bias folded into the running mean of {', '.join(folded)} and " if folded else "bias "
    owner, _, role = name.rpartition(".")
    if remove:
        # An entry that is None is what a layer made with bias=False has.
        journal.item(model.get_submodule(owner)._parameters, role, None)  # noqa: SLF001 - the registry itself
        return Change(CODE, finding.layers[0], f"{done}removed")
    journal.write(bias, torch.zeros_like(bias))
    return Change(CODE, finding.layers[0], f"{done}set to zero")


def _fold(model: nn.Module, norm: Node, bias: Tensor, journal: Journal) -> bool:
    """Subtract the bias from a norm's running mean, if it has one."""
    stored = norm.parameters.get("running_mean")
    if stored is None:
        return False
    mean = dict(model.named_buffers())[stored.path]
    # Positions that were flattened into the channels follow each channel.
    spread = bias.detach().to(mean.dtype).repeat_interleave(mean.numel() // bias.numel())
    journal.write(mean, mean - spread)
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


def _uses(model: nn.Module, look: Look, name: str, bias: Tensor) -> int:
    """How many calls read a parameter; -1 for one that is registered twice."""
    named = model.named_parameters(remove_duplicate=False)
    if sum(parameter is bias for _, parameter in named) > 1:
        return -1
    return sum(
        parameter.path == name for node in look.graph for parameter in node.parameters.values()
    )
