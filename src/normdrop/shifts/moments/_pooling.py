"""Pooling over windows or whole maps, and changes of resolution."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from normdrop.shifts.graph import Node, Pool, Resample
from normdrop.shifts.moments._atoms import maximum
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


# Where the new positions lie between the old ones, as weights of the nearer and the farther.
_PHASES = np.array([0.125, 0.375, 0.625, 0.875])


def resample(node: Node, flow: Flow) -> Edge:
    """Moments behind an interpolation: nearest repeats units, linear ones average neighbours."""
    details = node.details
    if not isinstance(details, Resample) or flow.folded:
        return Unknown(f"{node.operation} is not followed")
    extents = tuple(n for axis, n in enumerate(node.shape) if axis not in {0, flow.channel})
    ratios = [old / new for old, new in zip(flow.extents, extents, strict=True)]

    def stretched(*lag: Offsets) -> Array:
        """Correlation at a fractional distance, between the whole ones around it."""
        total: Array = np.zeros(1)
        places = [each * ratio for each, ratio in zip(lag, ratios, strict=True)]
        for corner in product((0, 1), repeat=len(places)):
            share: Array = np.ones(1)
            for place, side in zip(places, corner, strict=True):
                rest = place - np.floor(place)
                share = share * (rest if side else 1 - rest)
            index = [np.floor(p).astype(np.intp) + s for p, s in zip(places, corner, strict=True)]
            total = total + share * flow.window.at(*index)
        return total

    window = Window.tabulate(extents, stretched, flow.window.far)
    if details.method == "nearest":
        moved = flow.gaussian(flow.mean, flow.variance, window, extents, flow.common)
        return replace(moved, atoms=flow.atoms and replace(flow.atoms, window=window))
    if details.method not in {"linear", "bilinear", "trilinear"}:
        return Unknown(f"{details.method} interpolation is not followed")
    kept = np.ones(flow.scenarios)
    for axis, ratio in enumerate(ratios):
        if ratio != 1:
            step = [np.full(1, int(other == axis)) for other in range(len(ratios))]
            neighbour = flow.window.at(*step)[:, 0]
            own = np.mean(_PHASES**2 + (1 - _PHASES) ** 2)
            kept = kept * (own + (1 - own) * neighbour)
    return flow.gaussian(flow.mean, flow.variance * kept[:, None], window, extents, flow.common)
