"""Average, sum, maximum and minimum over windows or whole maps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from normdrop.shifts.graph import Node, Pool
from normdrop.shifts.moments._combine import maximum
from normdrop.shifts.moments._flow import Edge, Flow, Unknown
from normdrop.shifts.moments._window import Offsets, Window
from normdrop.theory import Array


@dataclass(frozen=True)
class _PooledWindow:
    """The window that is pooled: how often each distance occurs among pairs of its positions."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(np.prod(self.kernel))

    def between(self, window: Window, *lag: Offsets) -> Array:
        """Mean correlation of two patches that lie `lag` output positions apart."""
        steps = [np.arange(1 - size, size) for size in self.kernel]
        grid = np.meshgrid(*steps, indexing="ij")
        pairs = np.ones(grid[0].shape if grid else ())
        for size, step in zip(self.kernel, grid, strict=True):
            pairs = pairs * (size - np.abs(step))
        if not grid:
            return window.near
        offsets = [
            each[..., None] * stride + step.reshape(-1)
            for each, stride, step in zip(lag, self.stride, grid, strict=True)
        ]
        correlation = window.at(*offsets)
        return np.asarray(correlation @ pairs.reshape(-1)) / self.size**2

    def pooled(self, window: Window, extents: Sequence[int]) -> Window:
        """The window behind the pooling, as for an average."""
        return Window.tabulate(extents, lambda *lag: self.between(window, *lag), window.far)

    def within(self, window: Window) -> Array:
        """Mean correlation of two positions of a patch, a position with itself included."""
        here = [np.zeros(1, dtype=np.intp)] * len(self.kernel)
        return self.between(window, *here).reshape(len(window.far))


def pooled_moments(node: Node, flow: Flow, before: tuple[int, ...]) -> Edge:
    """Moments behind a pooling layer or a reduction over positions."""
    details = node.details
    if not isinstance(details, Pool) or flow.folded:
        return Unknown(f"{node.operation} is not followed")
    if 0 in details.axes or flow.channel in details.axes:
        return Unknown(f"{node.operation} reduces over samples or channels")
    spatial = [axis for axis in range(1, len(before)) if axis != flow.channel]
    sizes = dict(zip(details.axes, zip(details.kernel, details.stride, strict=True), strict=True))
    patch = _PooledWindow(
        tuple(sizes.get(axis, (1, 1))[0] for axis in spatial),
        tuple(sizes.get(axis, (1, 1))[1] for axis in spatial),
    )
    kept = len(node.shape) == len(before)
    extents = tuple(node.shape[axis] if kept else 1 for axis in spatial)
    if not kept and any(axis not in details.axes for axis in spatial):
        return Unknown(f"{node.operation} removes some of the spatial axes")
    moved = _reduced(details.method, flow, patch, extents)
    if kept or isinstance(moved, Unknown):
        return moved
    return replace(
        moved, extents=(), window=Window.constant(flow.scenarios, ()), channel=1, atoms=None
    )


def _reduced(
    method: str, flow: Flow, patch: _PooledWindow, extents: tuple[int, ...]
) -> Flow | Unknown:
    if method == "max":
        return _largest(flow, patch, extents)
    if method == "min":
        negative = _largest(flow.scaled(-np.ones(1), np.zeros(1)), patch, extents)
        return negative.scaled(-np.ones(1), np.zeros(1))
    if method not in {"average", "sum"}:
        return Unknown(f"{method} pooling is not followed")
    times = patch.size if method == "sum" else 1
    variance = flow.variance * np.maximum(patch.within(flow.window), 1e-6)[:, None]
    window = patch.pooled(flow.window, extents)
    average = flow.gaussian(flow.mean, variance, window, extents, flow.common)
    return average.scaled(np.full(1, float(times)), np.zeros(1))


def _largest(flow: Flow, patch: _PooledWindow, extents: tuple[int, ...]) -> Flow:
    """The maximum, through whatever bent the distribution before; shared spikes stay."""
    live = flow.points.alive()
    window = live.correlation()
    pairs = patch.size**2 - patch.size
    correlation = (patch.within(window) * patch.size**2 - patch.size) / max(pairs, 1)
    top = maximum(live, patch.size, correlation, patch.pooled(window, extents))
    points = flow.points.with_shared(top)
    return replace(flow, extents=extents).of_points(points, gain=np.ones_like(flow.mean))
