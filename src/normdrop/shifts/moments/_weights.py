"""Linear maps and convolutions: which inputs a kernel touches together, and what they sum to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from normdrop.shifts.graph import Node, Weight
from normdrop.shifts.moments._atoms import MANY_CHANNELS, skewed_atoms
from normdrop.shifts.moments._flow import Edge, Flow, Unknown
from normdrop.shifts.moments._reshape import with_channels
from normdrop.shifts.moments._window import Offsets, Window, lags
from normdrop.theory import Array

# Pairs of taps times lags up to which all pairs are looked at; beyond, products of different taps
# are taken to cancel, as those of so many random weights do.
_ALL_PAIRS = 3_000_000
# Scenarios times lags times pairs that are looked at together: bounds the memory.
_TOGETHER = 1_000_000


@dataclass(frozen=True)
class Meeting:
    """Pairs of taps at two output positions some lag apart.

    Attributes:
        share: Share of the positions at which both taps lie inside the input, shape (lags, pairs).
        excess: The same less what their separate shares make expected: what a pair of means adds
            to the covariance over positions.
        distances: Per axis, how far apart the two inputs lie.
    """

    share: Array
    excess: Array
    distances: list[Offsets]


@dataclass(frozen=True)
class Taps:
    """A kernel's geometry.

    Attributes:
        inside: Per spatial axis, whether a tap lies inside the input at an output position, shape
            (taps of the axis, positions). Padding and the gaps of a transposed convolution are
            outside.
        sources: Per spatial axis, the input position a tap reads there, same shape.
        extents: Output positions per axis that stay apart; none where a whole map becomes one unit.
        first, second: The pairs of flattened taps that are looked at.
    """

    inside: tuple[Array, ...]
    sources: tuple[Offsets, ...]
    extents: tuple[int, ...]
    first: Offsets
    second: Offsets

    @property
    def count(self) -> int:
        """Taps of the kernel."""
        return int(np.prod([len(inside) for inside in self.inside]))

    @cached_property
    def alone(self) -> Array:
        """Share of the output positions at which each flattened tap lies inside the input."""
        share = np.ones(1)
        for inside in self.inside:
            share = np.kron(share, inside.mean(axis=1))
        return share

    @property
    def pointwise(self) -> bool:
        """Whether every output position sees its own input position and no other."""
        return self.count == 1 and all(
            inside.all() and np.array_equal(source[0], np.arange(source.shape[1]))
            for inside, source in zip(self.inside, self.sources, strict=True)
        )

    @property
    def whole(self) -> bool:
        """Whether all pairs are looked at."""
        return len(self.first) == self.count**2

    def met(self, steps: Sequence[Sequence[int]]) -> "Meeting":
        """How the pairs meet at output positions some lags apart, one row per lag."""
        both, here, there = (np.ones((len(steps), len(self.first))) for _ in range(3))
        distances: list[Offsets] = []
        for axis, lag in enumerate(zip(*steps, strict=True)):
            p, q = self._parts[0][axis], self._parts[1][axis]
            known = [self._along(axis, int(step)) for step in lag]
            pair, left, right, apart = (np.stack(part) for part in zip(*known, strict=True))
            both, here, there = both * pair[:, p, q], here * left[:, p], there * right[:, q]
            distances.append(apart[:, p, q])
        first, second = self.alone[self.first], self.alone[self.second]
        return Meeting(both, both - here * second - first * there + first * second, distances)

    def _along(self, axis: int, step: int) -> tuple[Array, Array, Array, Offsets]:
        """One axis of `met`: shares of both, the first and the second tap, and their distance."""
        known = self._known.get((axis, step))
        if known is None:
            inside, source = self.inside[axis], self.sources[axis]
            size = inside.shape[1]
            here = slice(max(0, -step), size - max(0, step))
            there = slice(max(0, step), size - max(0, -step))
            both = inside[:, None, here] * inside[None, :, there]
            count = both.sum(axis=-1)
            # Where both are inside the distance is the same everywhere.
            apart = (both * (source[None, :, there] - source[:, None, here])).sum(axis=-1)
            apart = np.rint(apart / np.maximum(count, 1)).astype(np.intp)
            left, right = (inside[:, part].mean(axis=1) for part in (here, there))
            known = self._known[axis, step] = (count / both.shape[-1], left, right, apart)
        return known

    @cached_property
    def _known(self) -> dict[tuple[int, int], tuple[Array, Array, Array, Offsets]]:
        return {}

    @cached_property
    def _parts(self) -> tuple[tuple[Offsets, ...], tuple[Offsets, ...]]:
        """Both taps of every pair, axis by axis."""
        shape = tuple(len(inside) for inside in self.inside)
        return np.unravel_index(self.first, shape), np.unravel_index(self.second, shape)

    def spread(self, window: Window, signal: Array, means: Array) -> Window:
        """The window behind the kernel.

        Args:
            window: The window before it.
            signal: Per pair, the product of its weights times the input's variance, summed over
                channels; shape (scenarios, pairs).
            means: Per pair, the product of the outputs' parts of the mean that its taps carry.
        """
        if not self.extents:
            return Window.constant(len(window.far), ())

        def covariance(*grid: Offsets) -> Array:
            shape = np.broadcast_shapes(*(each.shape for each in grid))
            steps = np.stack([np.broadcast_to(each, shape).reshape(-1) for each in grid], axis=1)
            # A lag and its opposite, which stands as far from the end, see the same.
            half = len(steps) // 2 + 1
            size = max(1, _TOGETHER // max(1, signal.size))
            parts = []
            for start in range(0, half, size):
                met = self.met(steps[start : min(start + size, half)].tolist())
                seen = met.share * window.at(*met.distances)
                parts.append(np.einsum("sp,slp->sl", signal, seen) + means @ met.excess.T)
            near = np.concatenate(parts, axis=1)
            return np.concatenate([near, near[:, -2::-1]], axis=1).reshape(-1, *shape)

        apart = self.alone[self.first] * self.alone[self.second]
        return Window.tabulate(self.extents, covariance, (signal @ apart) * window.far)


@lru_cache(maxsize=32)  # most layers of a network share theirs with others
def taps_of(weight: Weight, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Taps:
    """The geometry of a convolution, plain or transposed, from its sizes."""
    insides, sources = [], []
    for axis, (extent, size) in enumerate(zip(inputs, outputs, strict=True)):
        stride, dilation = weight.stride[axis], weight.dilation[axis]
        before = weight.padding[axis][0] if weight.padding else 0
        taps, positions = np.arange(weight.kernel[axis]), np.arange(size)
        if weight.family == "transposed convolution":
            reach = positions + before - dilation * taps[:, None]
            source, hit = reach // stride, reach % stride == 0
        else:
            source = positions * stride - before + dilation * taps[:, None]
            hit = np.ones(source.shape, dtype=bool)
        insides.append((hit & (source >= 0) & (source < extent)).astype(np.float64))
        sources.append(source.astype(np.intp))
    return _paired(insides, sources, outputs)


def whole_map(extents: Sequence[int]) -> Taps:
    """A kernel as large as the map it sees, as of a linear layer behind a flattening."""
    insides = [np.ones((extent, 1)) for extent in extents]
    sources = [np.arange(extent, dtype=np.intp)[:, None] for extent in extents]
    return _paired(insides, sources, ())


def _paired(insides: Sequence[Array], sources: Sequence[Offsets], extents: tuple[int, ...]) -> Taps:
    count = int(np.prod([len(inside) for inside in insides]))
    steps = int(np.prod([each.size for each in lags(extents)]))
    every = np.arange(count, dtype=np.intp)
    if count**2 * steps <= _ALL_PAIRS:
        first, second = (grid.reshape(-1) for grid in np.meshgrid(every, every, indexing="ij"))
    else:
        first = second = every
    return Taps(tuple(insides), tuple(sources), extents, first, second)


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
    # Correlated taps may cancel each other, and over a sample of the outputs by more than there is.
    factor = np.maximum(signal + border, 0.02 * own) / np.maximum(own, 1e-30)
    if factor.shape[1] < kernel.weights.shape[0] * kernel.weights.shape[1]:  # a sample of outputs
        factor = factor.mean(axis=1, keepdims=True)
    means = np.einsum("skp,skp->sp", parts[..., taps.first], parts[..., taps.second])
    return factor, taps.spread(flow.window, grams.sum(axis=0) * levels, means)


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
