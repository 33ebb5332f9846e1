"""How strongly a feature map resembles itself, some positions away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from normdrop.theory import Array

Offsets: TypeAlias = npt.NDArray[np.intp]

# How many positions are told apart along an axis, by the number of axes; beyond lies `far`.
_REACH = {0: 0, 1: 12, 2: 4, 3: 2}


def lags(extents: Sequence[int]) -> list[Offsets]:
    """The offsets a window over these extents tells apart, one broadcastable array per axis."""
    reach = _REACH.get(len(extents), 1)
    halves = [min(extent - 1, reach) for extent in extents]
    axes = [np.arange(-half, half + 1) for half in halves]
    return list(np.meshgrid(*axes, indexing="ij", sparse=True)) if axes else []


@dataclass(frozen=True)
class Window:
    """Autocorrelation of a feature map, averaged over its channels, for every scenario.

    Attributes:
        near: Correlation by offset, shape (scenarios, odd, ...), one axis per spatial axis; 1 in
            the middle.
        far: Correlation at all greater offsets, shape (scenarios,): what is common to a whole map.
    """

    near: Array
    far: Array

    @classmethod
    def constant(cls, scenarios: int, extents: Sequence[int], far: float | Array = 0.0) -> "Window":
        """The same correlation at every offset but 0; white for 0, flat for 1."""
        shape = np.broadcast_shapes(*(lag.shape for lag in lags(extents))) if extents else ()
        level = np.broadcast_to(np.asarray(far, dtype=np.float64), (scenarios,))
        near = np.broadcast_to(_column(level, len(shape)), (scenarios, *shape))
        return cls(_one_in_the_middle(near), np.array(level))

    @classmethod
    def tabulate(
        cls, extents: Sequence[int], covariance: Callable[..., Array], far: Array
    ) -> "Window":
        """Normalise a covariance given as a function of one offset per axis."""
        grid = lags(extents)
        near = covariance(*grid)
        shape = near.shape[1:]
        middle = near[(slice(None), *(size // 2 for size in shape))]
        middle = np.where(middle > 0, middle, 1.0)
        scaled = np.clip(near / _column(middle, len(shape)), -1, 1)
        return cls(_one_in_the_middle(scaled), np.clip(far / middle, -1, 1))

    def at(self, *offsets: Offsets) -> Array:
        """Correlation at offsets, one array per spatial axis; shape (scenarios, *broadcast)."""
        if not offsets:
            return self.near
        halves = [size // 2 for size in self.near.shape[1:]]
        arrays = np.broadcast_arrays(*offsets)
        inside = np.ones(arrays[0].shape, dtype=bool)
        index = []
        for offset, half in zip(arrays, halves, strict=True):
            inside &= np.abs(offset) <= half
            index.append(np.minimum(np.maximum(offset + half, 0), 2 * half))
        return np.where(inside, self.near[(slice(None), *index)], _column(self.far, inside.ndim))

    def grown(self, scenarios: int) -> "Window":
        """The same with as many scenarios, the first pair repeated."""
        return Window(grown(self.near, scenarios), grown(self.far, scenarios))

    def covariance(self, function: Callable[[Array], Array], variance: Array) -> "Window":
        """What a correlation-wise map leaves: `function(correlation) / variance`, 1 at offset 0.

        `function` takes and returns (scenarios, n); `variance` has shape (scenarios,).
        """
        flat = np.concatenate([self.near.reshape(len(self.near), -1), self.far[:, None]], axis=1)
        safe = np.where(variance > 0, variance, 1.0)
        mapped = np.clip(function(flat) / safe[:, None], -1, 1)
        return Window(_one_in_the_middle(mapped[:, :-1].reshape(self.near.shape)), mapped[:, -1])


def grown(values: Array, scenarios: int) -> Array:
    """As many rows of scenarios, the first two repeated; a single row stands for all."""
    if len(values) == 1:
        return values
    more = (scenarios - len(values)) // 2
    return np.concatenate([values, np.tile(values[:2], (more, *[1] * (values.ndim - 1)))])


def blend(windows: Sequence[Window], shares: Sequence[Array]) -> Window:
    """The window of independent parts side by side or added, by their share of the variance."""
    total = np.sum(shares, axis=0)
    total = np.where(total > 0, total, 1.0)
    near = sum(
        w.near * _column(share / total, w.near.ndim - 1)
        for w, share in zip(windows, shares, strict=True)
    )
    far = sum(w.far * share / total for w, share in zip(windows, shares, strict=True))
    return Window(_one_in_the_middle(np.asarray(near)), np.asarray(far))


def _one_in_the_middle(near: Array) -> Array:
    """A position always resembles itself."""
    whole = np.array(near)
    whole[(slice(None), *(size // 2 for size in whole.shape[1:]))] = 1.0
    return whole


def _column(values: Array, axes: int) -> Array:
    """(scenarios,) as (scenarios, 1, ..., 1)."""
    return values.reshape(-1, *([1] * axes))
