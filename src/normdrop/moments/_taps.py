"""Which inputs a kernel touches together, and how far apart they lie."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from normdrop.graph import Weight
from normdrop.theory import Array

from ._window import Offsets, Window

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Taps:
    """A kernel's geometry, flattened over its spatial axes.

    Attributes:
        together: Share of the output positions at which both taps of a pair lie inside the input,
            shape (taps, taps); on the diagonal, at which one does. Padding and the gaps of a
            transposed convolution lower it.
        steps: Per spatial axis, how far apart the inputs of a pair lie, shape (taps, taps).
        strides: Input steps per output step, per spatial axis; below 1 for a transposed one.
    """

    together: Array
    steps: tuple[Array, ...]
    strides: tuple[float, ...]

    @property
    def alone(self) -> Array:
        """Share of the output positions at which each tap lies inside the input."""
        return np.diagonal(self.together)

    def correlations(self, window: Window) -> Array:
        """Correlation of the two inputs of every pair, shape (scenarios, taps, taps)."""
        if not self.steps:
            return np.ones((len(window.far), 1, 1))
        return window.at(*(_whole(step) for step in self.steps))

    def gathered(self, gram: Array) -> tuple[Array, Array]:
        """The pairs' products summed by distance: (axes, distances), and one sum for each."""
        pairs = np.stack([step.reshape(-1) for step in self.steps])
        distances, index = np.unique(pairs, axis=1, return_inverse=True)
        sums = np.bincount(index.reshape(-1), gram.reshape(-1), distances.shape[1])
        return distances, np.asarray(sums, dtype=np.float64)

    def spread(self, window: Window, gram: Array, extents: Sequence[int]) -> Window:
        """The window behind the kernel, from the products of its taps summed over channels."""
        if not extents:
            return Window.constant(len(window.far), ())
        if len(gram) == 1 and set(self.strides) == {1.0}:
            return window
        distances, sums = self.gathered(gram)
        # At a given lag only every stride-th pair of a transposed convolution meets two inputs.
        met_share = float(np.prod(np.minimum(self.strides, 1.0)))

        def covariance(*lag: Offsets) -> Array:
            offsets = np.broadcast_arrays(
                *(
                    grid[..., None] * stride + distance
                    for grid, stride, distance in zip(lag, self.strides, distances, strict=True)
                )
            )
            met = np.all([np.abs(o - np.rint(o)) < _ROUNDING for o in offsets], axis=0)
            values = window.at(*(_whole(offset) for offset in offsets))
            return np.asarray((values * (sums * met)).sum(axis=-1))

        return Window.tabulate(extents, covariance, window.far * sums.sum() * met_share)


def taps_of(weight: Weight, inputs: Sequence[int], outputs: Sequence[int]) -> Taps:
    """The geometry of a convolution, plain or transposed, from its sizes."""
    transposed = weight.family == "transposed convolution"
    together = np.ones((1, 1))
    grids: list[Array] = []
    strides: list[float] = []
    for axis, (extent, size) in enumerate(zip(inputs, outputs, strict=True)):
        stride, dilation = weight.stride[axis], weight.dilation[axis]
        before = weight.padding[axis][0] if weight.padding else 0
        taps, positions = np.arange(weight.kernel[axis]), np.arange(size)
        if transposed:
            reach = positions + before - dilation * taps[:, None]
            inside = reach % stride == 0
            source = reach // stride
            grids.append(np.asarray((taps[:, None] - taps) * (dilation / stride)))
        else:
            source = positions * stride - before + dilation * taps[:, None]
            inside = np.ones(source.shape, dtype=bool)
            grids.append(np.asarray((taps - taps[:, None]) * float(dilation)))
        strides.append(1 / stride if transposed else float(stride))
        inside = (inside & (source >= 0) & (source < extent)).astype(np.float64)
        together = np.kron(together, inside @ inside.T / size)
    return Taps(together, _flattened(grids), tuple(strides))


def _flattened(grids: Sequence[Array]) -> tuple[Array, ...]:
    """Pairwise distances per axis, over the flattened taps of all axes."""
    steps = []
    for axis in range(len(grids)):
        full: Array = np.ones((1, 1))
        for other, grid in enumerate(grids):
            full = np.asarray(np.kron(full, grid if other == axis else np.ones_like(grid)))
        steps.append(full)
    return tuple(steps)


def _whole(offsets: Array) -> Offsets:
    """The nearest whole offsets; where none is meant, nothing is summed."""
    return np.rint(offsets).astype(np.intp)
