"""Which inputs a kernel touches together, and how far apart they lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from normdrop.shifts.graph import Weight
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


def taps_of(weight: Weight, inputs: Sequence[int], outputs: Sequence[int]) -> Taps:
    """The geometry of a convolution, plain or transposed, from its sizes."""
    return _taps_of(weight, tuple(inputs), tuple(outputs))


@lru_cache(maxsize=32)  # most layers of a network share theirs with others
def _taps_of(weight: Weight, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Taps:
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
    return _paired(insides, sources, tuple(outputs))


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
