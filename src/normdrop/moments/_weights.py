"""Linear maps and convolutions."""

from dataclasses import dataclass, replace

import numpy as np

from normdrop.graph import Node, Weight
from normdrop.theory import Array

from ._atoms import skewed_atoms
from ._flow import Edge, Flow, Unknown
from ._reshape import with_channels
from ._taps import Taps, taps_of

# Products of taps are summed over all outputs up to this many multiplications, else over a sample.
_BUDGET = 20_000_000
# Sums of more inputs than this are Gaussian for every purpose.
_MANY = 600


@dataclass(frozen=True)
class _Kernel:
    """Weights as (groups, outputs of a group, inputs of a group, taps), and their geometry."""

    weights: Array
    taps: Taps

    def apply(self, matrix: Array, values: Array) -> Array:
        """One (groups, out, in) matrix to values of shape (..., inputs)."""
        groups, outputs, inputs = matrix.shape
        split = values.reshape(-1, groups, inputs).transpose(1, 2, 0)
        return np.asarray(np.matmul(matrix, split).transpose(2, 0, 1)).reshape(
            *values.shape[:-1], groups * outputs
        )


def weigh(node: Node, flow: Flow) -> Edge:
    """Moments behind a weight layer: W E[x] + b, and Σ w² Var[x] plus what correlations add."""
    details = node.details
    if not isinstance(details, Weight) or "weight" not in node.parameters:
        return Unknown(f"{node.operation} has no weights that can be read")
    if details.family == "linear":
        return _linear(node, flow)
    if details.family not in {"convolution", "transposed convolution"}:
        return Unknown(f"{details.family} layers are not followed")
    moved = with_channels(flow, 1)
    if isinstance(moved, Unknown):
        return moved
    extents = node.shape[2:]
    kernel = _Kernel(_grouped(node, details), taps_of(details, moved.extents, extents))
    return _through(node, moved, kernel, extents)


def _grouped(node: Node, details: Weight) -> Array:
    values = node.parameters["weight"].read()
    groups = details.groups
    if details.family == "transposed convolution":
        split = values.reshape(groups, -1, *values.shape[1:])
        return np.asarray(np.moveaxis(split, 2, 1)).reshape(
            groups, values.shape[1], values.shape[0] // groups, -1
        )
    return values.reshape(groups, values.shape[0] // groups, values.shape[1], -1)


def _linear(node: Node, flow: Flow) -> Edge:
    weight = node.parameters["weight"].read()
    if flow.folded:
        taps = _all_positions(flow.extents)
        kernel = _Kernel(weight.reshape(1, weight.shape[0], flow.channels, -1), taps)
        return replace(_through(node, flow, kernel, ()), folded=False, channel=1)
    moved = with_channels(flow, len(node.shape) - 1)
    if isinstance(moved, Unknown):
        return moved
    none = tuple(np.zeros((1, 1)) for _ in moved.extents)
    taps = Taps(np.ones((1, 1)), none, (1.0,) * len(moved.extents))
    return _through(node, moved, _Kernel(weight[None, :, :, None], taps), moved.extents)


def _all_positions(extents: tuple[int, ...]) -> Taps:
    """A kernel as large as the map it sees."""
    whole = Weight(
        "convolution",
        kernel=extents,
        stride=(1,) * len(extents),
        dilation=(1,) * len(extents),
    )
    taps = taps_of(whole, extents, (1,) * len(extents))
    return replace(taps, strides=())


def _through(node: Node, flow: Flow, kernel: _Kernel, extents: tuple[int, ...]) -> Flow:
    weights, taps = kernel.weights, kernel.taps
    reach = np.asarray(weights @ taps.alone.astype(weights.dtype), dtype=np.float64)
    squares = np.asarray((weights**2) @ taps.alone.astype(weights.dtype), dtype=np.float64)
    mean = kernel.apply(reach, flow.mean)
    own = kernel.apply(squares, flow.variance)
    common = kernel.apply(reach, flow.common)
    factor, gram = _correlated(flow, kernel)
    if "bias" in node.parameters:
        mean = mean + node.parameters["bias"].read()
    window = taps.spread(flow.window, gram, extents)
    moved = flow.gaussian(mean, own * factor, window, extents, common)
    return _bent(flow, kernel, moved)


def _bent(flow: Flow, kernel: _Kernel, moved: Flow) -> Flow:
    """What is left of the inputs' skew and tails where an output sums only a few of them."""
    inputs, taps = kernel.weights.shape[2:]
    if flow.atoms is None or inputs * taps > _MANY:
        return moved
    third, fourth = flow.atoms.cumulants()
    shares = kernel.taps.alone
    third = kernel.apply(np.asarray(kernel.weights**3 @ shares, dtype=np.float64), third)
    fourth = kernel.apply(np.asarray(kernel.weights**4 @ shares, dtype=np.float64), fourth)
    atoms = skewed_atoms(moved.mean, moved.total, third, fourth, moved.flat_window)
    return replace(moved, atoms=atoms)


def _correlated(flow: Flow, kernel: _Kernel) -> tuple[Array, Array]:
    """What pairs of taps add to the variance, as a factor on it; and their products, summed.

    Pairs within a channel see its autocorrelation. At the border a tap that falls on padding also
    moves the mean from position to position, which a norm layer counts as variance.
    """
    groups, outputs, inputs, count = kernel.weights.shape
    if count == 1:
        return np.ones((flow.scenarios, 1)), np.ones((1, 1))
    rows = max(2, min(outputs, _BUDGET // (groups * inputs * count**2)))
    chosen = np.unique(np.linspace(0, outputs - 1, rows).round().astype(np.intp))
    part = np.asarray(kernel.weights[:, chosen], dtype=np.float64)
    relative = flow.variance / np.maximum(flow.variance.mean(axis=1, keepdims=True), 1e-30)
    share = relative.mean(axis=0).reshape(groups, 1, inputs, 1)
    grams = np.matmul((part * share).swapaxes(-1, -2), part).reshape(-1, count, count)
    taps = kernel.taps
    levels = flow.variance.mean(axis=1)[:, None]
    signal = np.einsum("kpq,spq->sk", grams, taps.together * taps.correlations(flow.window))
    diagonal = np.einsum("kpp,pp->k", grams, taps.together) * levels
    border = _border(flow, part, taps)
    extra = np.maximum(signal * levels + border, 0.02 * diagonal) / np.maximum(diagonal, 1e-30)
    if chosen.size < outputs:
        extra = extra.mean(axis=1, keepdims=True)
    return extra, grams.sum(axis=0)


def _border(flow: Flow, part: Array, taps: Taps) -> Array:
    """Variance of the mean over output positions, shape (scenarios, chosen outputs)."""
    excess = taps.together - np.outer(taps.alone, taps.alone)
    groups, outputs, inputs, count = part.shape
    if not np.any(np.abs(excess) > 1e-12):  # noqa: PLR2004 - rounding
        return np.zeros((flow.scenarios, groups * outputs))
    means = flow.mean.reshape(-1, groups, inputs)
    each = np.einsum("goip,sgi->sgop", part, means, optimize=True)
    each = each.reshape(flow.scenarios, groups * outputs, count)
    return np.asarray(np.einsum("skp,pq,skq->sk", each, excess, each, optimize=True))
