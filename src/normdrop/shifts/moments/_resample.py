"""Changes of resolution."""

from dataclasses import replace
from itertools import product

import numpy as np

from normdrop.shifts.graph import Node, Resample
from normdrop.shifts.moments._flow import Edge, Flow, Unknown
from normdrop.shifts.moments._window import Offsets, Window
from normdrop.theory import Array

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
        return _repeated(flow, window, extents)
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


def _repeated(flow: Flow, window: Window, extents: tuple[int, ...]) -> Flow:
    moved = flow.gaussian(flow.mean, flow.variance, window, extents, flow.common)
    if flow.atoms is None:
        return moved
    atoms = flow.atoms
    return replace(
        moved,
        atoms=type(atoms)(atoms.values, atoms.weights, atoms.scores, window, atoms.shared),
    )
