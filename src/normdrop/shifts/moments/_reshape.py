"""The same values in another shape or order, or a part of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from normdrop.shifts.graph import Node, Reshape
from normdrop.shifts.moments._atoms import Atoms
from normdrop.shifts.moments._flow import Edge, Flow, Unknown
from normdrop.shifts.moments._window import Window
from normdrop.theory import Array


def with_channels(flow: Flow, axis: int) -> Flow | Unknown:
    """The flow with its channels on another axis, where all of them are alike."""
    if flow.channel == axis and not flow.folded:
        return flow
    white = not np.any(flow.window.far) and np.all(
        flow.window.near.reshape(flow.scenarios, -1).sum(axis=1) == 1
    )
    alike = np.ptp(flow.mean, axis=1).max() == 0 and np.ptp(flow.variance, axis=1).max() == 0
    if flow.folded or not (white and alike) or flow.common.shape[1] or flow.atoms:
        return Unknown(f"channels on axis {flow.channel} are mixed along axis {axis}")
    sizes = list(flow.extents)
    sizes.insert(flow.channel - 1, flow.channels)
    channels = sizes.pop(axis - 1)
    shape = (flow.scenarios, channels)
    return Flow(
        np.broadcast_to(flow.mean[:, :1], shape),
        np.broadcast_to(flow.variance[:, :1], shape),
        Window.constant(flow.scenarios, sizes),
        np.zeros((flow.scenarios, 0, channels)),
        tuple(sizes),
        axis,
    )


def unfolded(flow: Flow) -> Flow:
    """A flattened map as channels of their own, their correlations forgotten."""
    if not flow.folded:
        return flow
    times = int(np.prod(flow.extents))

    def spread(values: Array, axis: int) -> Array:
        if flow.channel == 1:
            return values.repeat(times, axis=axis)
        return np.concatenate([values] * times, axis=axis)

    atoms = flow.atoms
    if atoms is not None:
        shape = atoms.values.shape
        weights, scores = (np.broadcast_to(a, shape) for a in (atoms.weights, atoms.scores))
        white = Window.constant(flow.scenarios, ())
        atoms = Atoms(
            spread(atoms.values, 1),
            spread(weights, 1),
            spread(scores, 1),
            white,
            atoms.shared,
        )
    return Flow(
        spread(flow.mean, 1),
        spread(flow.variance, 1),
        Window.constant(flow.scenarios, ()),
        spread(flow.common, 2),
        (),
        1,
        atoms,
    )


def reshape(node: Node, flow: Flow, before: tuple[int, ...]) -> Edge:
    """Follow a view, permutation, slice, padding or copy of a tensor of shape `before`."""
    details = node.details
    if not isinstance(details, Reshape):
        return Unknown(f"{node.operation} is not followed")
    if details.how == "copy" or (node.shape == before and details.how in {"view", "repeat"}):
        return flow
    follow = _HOW.get(details.how)
    if follow is None or (flow.folded and details.how != "view"):
        return Unknown(f"{node.operation} ({details.how}) is not followed")
    return follow(node, details, flow, before)


def _view(node: Node, _: Reshape, flow: Flow, before: tuple[int, ...]) -> Edge:
    if [n for n in node.shape if n != 1] == [n for n in before if n != 1]:
        return _resized(node, flow, before)
    ends = {1, len(before) - 1}
    if len(node.shape) == 2 and flow.channel in ends:  # noqa: PLR2004 - batch and features
        return replace(flow, folded=True)
    same = node.shape[:2] == before[:2]
    if same and flow.channel == 1 and not flow.folded:
        pairs = flow.window.near.reshape(flow.scenarios, -1).mean(axis=1)
        window = Window.constant(flow.scenarios, node.shape[2:], np.clip(pairs, 0, 1))
        return flow.gaussian(flow.mean, flow.variance, window, node.shape[2:], flow.common)
    return Unknown(f"a view from {before} to {node.shape} is not followed")


def _resized(node: Node, flow: Flow, before: tuple[int, ...]) -> Edge:
    """Axes of extent 1 come and go."""
    if flow.folded:
        return Unknown("a flattened map is given axes again")
    if flow.channels == 1 or before[flow.channel] == 1:
        axis = min(flow.channel, len(node.shape) - 1)
        if node.shape[axis] != 1:
            return Unknown("the only channel is merged into positions")
    else:
        rank = sum(n != 1 for n in before[1 : flow.channel])
        large = [i for i, n in enumerate(node.shape) if i and n != 1]
        axis = large[rank]
    extents = tuple(n for i, n in enumerate(node.shape) if i not in {0, axis})
    grown = [n for n in flow.extents if n != 1] == [n for n in extents if n != 1]
    if not grown:
        return Unknown("channels and positions are mixed")
    kept = [size for size in flow.window.near.shape[1:] if size != 1]
    sizes = iter(kept)
    near = flow.window.near.reshape(
        flow.scenarios, *(1 if n == 1 else next(sizes) for n in extents)
    )
    window = Window(near, flow.window.far)
    if len(extents) != len(flow.extents):
        # How many positions a window tells apart goes by the number of axes.
        window = Window.tabulate(extents, window.at, window.far)
    return replace(flow, window=window, extents=extents, channel=axis, atoms=None)


def _permute(_: Node, details: Reshape, flow: Flow, __: tuple[int, ...]) -> Edge:
    if details.permutation[0] != 0:
        return Unknown("the batch axis is moved")
    spatial = [axis for axis in range(1, len(details.permutation)) if axis != flow.channel]
    order = [spatial.index(axis) for axis in details.permutation[1:] if axis != flow.channel]
    near = flow.window.near.transpose(0, *(1 + axis for axis in order))
    return replace(
        flow,
        window=Window(near, flow.window.far),
        extents=tuple(flow.extents[axis] for axis in order),
        channel=details.permutation.index(flow.channel),
        atoms=None,
    )


def _slice(node: Node, details: Reshape, flow: Flow, before: tuple[int, ...]) -> Edge:
    axis = flow.channel
    if len(node.shape) != len(details.slices):
        if np.prod(node.shape) == np.prod(before):
            return _view(node, details, flow, before)
        return Unknown("an axis is indexed away")
    part = slice(*details.slices[axis])
    extents = tuple(n for i, n in enumerate(node.shape) if i not in {0, axis})
    steps = [step for i, (_, _, step) in enumerate(details.slices) if i not in {0, axis}]
    window = Window.tabulate(
        extents,
        lambda *lag: flow.window.at(*(grid * step for grid, step in zip(lag, steps, strict=True))),
        flow.window.far,
    )

    def cut(values: Array) -> Array:
        return values[:, part] if values.shape[1] > 1 else values

    atoms = flow.atoms and Atoms(
        cut(flow.atoms.values),
        cut(flow.atoms.weights),
        cut(flow.atoms.scores),
        window,
        flow.atoms.shared,
    )
    return replace(
        flow,
        mean=flow.mean[:, part],
        variance=flow.variance[:, part],
        common=flow.common[:, :, part],
        window=window,
        extents=extents,
        atoms=atoms,
    )


def _pad(node: Node, details: Reshape, flow: Flow, _: tuple[int, ...]) -> Edge:
    """Zeros at the border: a share of all positions, the mean and square there 0."""
    axis = flow.channel
    if details.value != 0:
        return Unknown("the border is padded with something else than zeros")
    if details.padding[axis] != (0, 0) or details.padding[0] != (0, 0):
        return Unknown("channels are padded")
    extents = tuple(n for i, n in enumerate(node.shape) if i not in {0, axis})
    share = float(np.prod(flow.extents) / np.prod(extents))
    variance = share * flow.variance + share * (1 - share) * flow.mean**2
    window = Window.tabulate(extents, flow.window.at, flow.window.far)
    return flow.gaussian(share * flow.mean, variance, window, extents, np.sqrt(share) * flow.common)


_HOW: dict[str, Callable[[Node, Reshape, Flow, tuple[int, ...]], Edge]] = {
    "view": _view,
    "permute": _permute,
    "slice": _slice,
    "pad": _pad,
}
