"""Linear maps and convolutions."""

from dataclasses import dataclass, replace

import numpy as np

from normdrop.shifts.graph import Node, Weight
from normdrop.shifts.moments._atoms import MANY_CHANNELS, skewed_atoms
from normdrop.shifts.moments._flow import Edge, Flow, Unknown
from normdrop.shifts.moments._reshape import with_channels
from normdrop.shifts.moments._taps import Taps, taps_of, whole_map
from normdrop.shifts.moments._window import Window
from normdrop.theory import Array

# Products of taps are summed over all outputs up to this many multiplications, else over a sample.
_BUDGET = 3_000_000
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
        split = values.reshape(-1, groups, inputs).transpose(1, 2, 0).astype(matrix.dtype)
        product = np.matmul(matrix, split).transpose(2, 0, 1).astype(np.float64)
        return np.asarray(product).reshape(*values.shape[:-1], groups * outputs)

    def summed(self, power: int) -> Array:
        """Powers of the weights, summed over taps by how often each lies inside the input."""
        values = self.weights
        for _ in range(power - 1):
            values = values * self.weights
        alone = self.taps.alone.astype(values.dtype)
        if alone.size == 1:
            return values[..., 0] if alone[0] == 1 else np.asarray(values[..., 0] * alone)
        return (values.reshape(-1, alone.size) @ alone).reshape(values.shape[:-1])


def weigh(node: Node, flow: Flow) -> Edge:
    """Moments behind a weight layer: W E[x] + b, and Σ w² Var[x] plus what correlations add."""
    details = node.details
    if not isinstance(details, Weight) or "weight" not in node.parameters:
        return Unknown(f"{node.operation} has no weights that can be read")
    if details.family == "linear":
        return _linear(node, flow)
    if details.family not in {"convolution", "transposed convolution"}:
        return Unknown(f"{details.family} layers are not followed")
    axis = 1 if node.channel_axis is None else node.channel_axis
    moved = with_channels(flow, axis)
    if isinstance(moved, Unknown):
        return moved
    extents = tuple(n for i, n in enumerate(node.shape) if i not in {0, axis})
    taps = taps_of(details, moved.extents, extents)
    kernel = _Kernel(_grouped(node, details), taps)
    return _through(node, moved, kernel)


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
        if flow.channel == 1:
            split = weight.reshape(1, weight.shape[0], flow.channels, -1)
        else:
            split = weight.reshape(1, weight.shape[0], -1, flow.channels).swapaxes(2, 3)
        kernel = _Kernel(split, whole_map(flow.extents))
        return replace(_through(node, flow, kernel), folded=False, channel=1)
    moved = with_channels(flow, len(node.shape) - 1)
    if isinstance(moved, Unknown):
        return moved
    return _through(node, moved, _Kernel(weight[None, :, :, None], whole_map(())))


def _through(node: Node, flow: Flow, kernel: _Kernel) -> Flow:
    taps, reach = kernel.taps, kernel.summed(1)
    mean = kernel.apply(reach, flow.mean)
    variance = kernel.apply(kernel.summed(2), flow.variance)
    common = kernel.apply(reach, flow.common)
    if "bias" in node.parameters:
        mean = mean + node.parameters["bias"].read()
    window, extents = flow.window, flow.extents
    if not taps.pointwise:
        factor, window = _correlated(flow, kernel)
        variance, extents = variance * factor, taps.extents
    return _bent(flow, kernel, flow.gaussian(mean, variance, window, extents, common))


def _bent(flow: Flow, kernel: _Kernel, moved: Flow) -> Flow:
    """What is left of the inputs' skew and tails where an output sums only a few of them."""
    inputs, taps = kernel.weights.shape[2:]
    if flow.atoms is None or inputs * taps > _MANY or moved.channels > MANY_CHANNELS:
        return moved
    third, fourth = flow.atoms.cumulants()
    third = kernel.apply(kernel.summed(3), third)
    fourth = kernel.apply(kernel.summed(4), fourth)
    atoms = skewed_atoms(moved.mean, moved.total, third, fourth, moved.flat_window)
    return replace(moved, atoms=atoms)


def _correlated(flow: Flow, kernel: _Kernel) -> tuple[Array, Window]:
    """What pairs of taps add to the variance, as a factor on it; and the window behind them.

    Pairs within a channel see its autocorrelation. At the border a tap that falls on padding also
    moves the mean from position to position, which a norm layer counts as variance.
    """
    taps = kernel.taps
    grams, parts = _products(flow, kernel)
    levels = flow.variance.mean(axis=1)[:, None]
    met = taps.met([[0] * len(taps.inside)])
    seen = (met.share * flow.window.at(*met.distances))[:, 0]
    signal = (seen @ grams.T) * levels
    border = _pairwise(parts, taps, met.excess[0])
    same = np.flatnonzero(taps.first == taps.second)
    own = grams[:, same] @ met.share[0, same] * levels
    factor = np.maximum(signal + border, 0.02 * own) / np.maximum(own, 1e-30)
    if factor.shape[1] < _outputs(kernel):
        factor = factor.mean(axis=1, keepdims=True)
    means = np.einsum("skp,skp->sp", parts[..., taps.first], parts[..., taps.second])
    return factor, taps.spread(flow.window, grams.sum(axis=0) * levels, means)


def _outputs(kernel: _Kernel) -> int:
    """Output channels of all groups."""
    return int(kernel.weights.shape[0] * kernel.weights.shape[1])


def _products(flow: Flow, kernel: _Kernel) -> tuple[Array, Array]:
    """Of a sample of outputs: products of every pair of taps, and the mean each tap carries.

    Returns:
        Products of shape (outputs, pairs), summed over inputs by their share of the variance, and
        means of shape (scenarios, outputs, taps).
    """
    groups, outputs, inputs, count = kernel.weights.shape
    taps = kernel.taps
    rows = max(4, min(outputs, _BUDGET // (groups * inputs * count**2)))
    chosen = np.unique(np.linspace(0, outputs - 1, rows).round().astype(np.intp))
    part = np.asarray(kernel.weights[:, chosen], dtype=np.float64)
    relative = flow.variance / np.maximum(flow.variance.mean(axis=1, keepdims=True), 1e-30)
    share = relative[:2].mean(axis=0).reshape(groups, 1, inputs, 1)
    if taps.whole:
        grams = np.matmul((part * share).swapaxes(-1, -2), part)
    else:
        grams = (part**2 * share).sum(axis=2)
    split = flow.mean.reshape(flow.scenarios, groups, inputs).swapaxes(0, 1)
    means = np.matmul(split, part.swapaxes(1, 2).reshape(groups, inputs, -1)).swapaxes(0, 1)
    return (
        grams.reshape(groups * len(chosen), -1),
        means.reshape(flow.scenarios, groups * len(chosen), count),
    )


def _pairwise(parts: Array, taps: Taps, excess: Array) -> Array:
    """Σ over pairs of a product of means times `excess`, shape (scenarios, outputs)."""
    if not np.any(np.abs(excess) > 1e-12):  # noqa: PLR2004 - rounding
        return np.zeros(parts.shape[:2])
    if taps.whole:
        square = excess.reshape(taps.count, taps.count)
        return np.asarray(((parts @ square) * parts).sum(axis=-1))
    return np.asarray((parts[..., taps.first] * parts[..., taps.second]) @ excess)
