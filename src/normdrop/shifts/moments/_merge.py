"""Sums, products and concatenations of several tensors."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from normdrop.shifts.graph import Concatenate, Node, Product, Sum
from normdrop.shifts.moments._atoms import Atoms, independent_sum
from normdrop.shifts.moments._flow import Edge, Fixed, Flow, Unknown
from normdrop.shifts.moments._window import Window, blend
from normdrop.theory import Array


def add(node: Node, edges: Sequence[Edge]) -> Edge:
    """A sum of tensors, scaled; different tensors count as uncorrelated.

    The random signs of weights make the covariance of a trunk and its branch vanish on average; the
    same tensor twice, and functions of one and the same tensor, are added point by point.
    """
    details = node.details
    if not isinstance(details, Sum):
        return Unknown(f"{node.operation} is not followed")
    flows: list[Flow] = []
    offset: Array = np.full(1, details.constant)
    weights: dict[int, float] = {}
    for source, edge, coefficient in zip(node.inputs, edges, details.coefficients, strict=True):
        weights[source] = weights.get(source, 0.0) + coefficient
        if isinstance(edge, Unknown):
            return edge
    for source, edge in dict(zip(node.inputs, edges, strict=True)).items():
        if isinstance(edge, Flow):
            flows.append(edge.scaled(np.full(1, weights[source]), np.zeros(1)))
            continue
        values = _per_channel(edge, node, flows or edges)
        if values is None:
            return Unknown("a constant of another shape is added")
        offset = offset + weights[source] * values
    if not flows:
        return Unknown("only constants are added")
    total = _folded(_plus, flows)
    return total if isinstance(total, Unknown) else total.scaled(np.ones(1), offset)


def _folded(operation: Callable[[Flow, Flow], Flow | Unknown], flows: list[Flow]) -> Flow | Unknown:
    """Two at a time, from the left, until one step is not followed."""
    total: Flow | Unknown = flows[0]
    for flow in flows[1:]:
        if isinstance(total, Unknown):
            break
        total = operation(total, flow)
    return total


def _plus(left: Flow, right: Flow) -> Flow | Unknown:
    if left.atoms and right.atoms and _aligned(left, right):
        return left.of_points(left.atoms.moved(left.atoms.values + right.atoms.values))
    pair = _broadcast(left, right)
    if isinstance(pair, Unknown):
        return pair
    left, right = pair
    variance = left.variance + right.variance
    window = blend(
        [left.window, right.window], [left.variance.sum(axis=1), right.variance.sum(axis=1)]
    )
    common = np.concatenate([left.common, right.common], axis=1)
    total = left.gaussian(left.mean + right.mean, variance, window, None, common)
    if left.atoms is None and right.atoms is None:
        return total
    return replace(total, atoms=independent_sum(left.points, right.points, total.flat_window))


def multiply(node: Node, edges: Sequence[Edge]) -> Edge:
    """A product of two tensors, such as a map and its gate, or of a tensor and constants."""
    details = node.details
    if not isinstance(details, Product):
        return Unknown(f"{node.operation} is not followed")
    flows: list[Flow] = []
    factor: Array = np.full(1, details.constant)
    for edge, exponent in zip(edges, details.exponents, strict=True):
        if isinstance(edge, Unknown):
            return edge
        if isinstance(edge, Flow):
            if exponent != 1:
                return Unknown("a tensor is raised to a power or divided by")
            flows.append(edge)
            continue
        values = _per_channel(edge, node, edges)
        if values is None:
            return Unknown("a tensor is multiplied by a constant of another shape")
        factor = factor * values**exponent
    if not flows:
        return Unknown("only constants are multiplied")
    result = _folded(_times, flows)
    return result if isinstance(result, Unknown) else result.scaled(factor, np.zeros(1))


def _times(left: Flow, right: Flow) -> Flow | Unknown:
    if left is right:
        return left.of_points(left.points.moved(left.points.values**2))
    if _aligned(left, right):
        return left.of_points(left.points.moved(left.points.values * right.points.values))
    pair = _broadcast(left, right)
    if isinstance(pair, Unknown):
        return pair
    left, right = pair
    mean = left.mean * right.mean
    a, b = left.total, right.total
    variance = a * b + a * right.mean**2 + b * left.mean**2
    first, second = left.flat_window, right.flat_window
    parts = (a * b, a * right.mean**2, b * left.mean**2)
    both = Window(first.near * second.near, first.far * second.far)
    window = blend([both, first, second], [part.sum(axis=1) for part in parts])
    return left.gaussian(mean, variance, window)


def _aligned(left: Flow, right: Flow) -> bool:
    """Whether both are functions of one tensor, point by point."""
    if left.common.shape[1] or right.common.shape[1]:
        return False
    a, b = left.points, right.points
    return a.window is b.window and a.values.shape == b.values.shape and a.weights is b.weights


def _broadcast(left: Flow, right: Flow) -> tuple[Flow, Flow] | Unknown:
    """Both in the same shape: a gate of one position or one channel stretched over the other."""
    if left.folded or right.folded or left.channel != right.channel:
        if left.folded and right.folded and left.extents == right.extents:
            return left, right
        return Unknown("tensors with differently ordered channels meet")
    if len(left.extents) != len(right.extents):
        return Unknown("tensors of different rank meet")
    extents = tuple(max(pair) for pair in zip(left.extents, right.extents, strict=True))
    channels = max(left.channels, right.channels)
    return _stretched(left, extents, channels), _stretched(right, extents, channels)


def _stretched(flow: Flow, extents: tuple[int, ...], channels: int) -> Flow:
    if flow.extents != extents:
        flow = replace(
            flow, extents=extents, window=Window.constant(flow.scenarios, extents, 1.0), atoms=None
        )
    if flow.channels == channels:
        return flow
    # One value for all channels is a deviation they share.
    shape = (flow.scenarios, channels)
    common = np.concatenate([flow.common, np.sqrt(flow.variance)[:, None]], axis=1)
    return replace(
        flow,
        mean=np.broadcast_to(flow.mean, shape),
        variance=np.zeros(shape),
        common=np.broadcast_to(common, (*common.shape[:2], channels)),
        atoms=None,
    )


def concatenate(node: Node, edges: Sequence[Edge]) -> Edge:
    """Tensors side by side along the channels."""
    details = node.details
    flows = [edge for edge in edges if isinstance(edge, Flow)]
    for edge in edges:
        if isinstance(edge, Unknown):
            return edge
    if not isinstance(details, Concatenate) or details.new_axis or len(flows) != len(edges):
        return Unknown(f"{node.operation} is not followed")
    if any(flow.folded or flow.channel != details.axis for flow in flows):
        return Unknown("tensors are joined along another axis than the channels'")
    factors = sum(flow.common.shape[1] for flow in flows)
    channels = sum(flow.channels for flow in flows)
    common = np.zeros((flows[0].scenarios, factors, channels))
    row = column = 0
    for flow in flows:
        height, width = flow.common.shape[1:]
        common[:, row : row + height, column : column + width] = flow.common
        row, column = row + height, column + width
    window = blend([f.window for f in flows], [f.variance.sum(axis=1) for f in flows])
    joined = flows[0].gaussian(
        np.concatenate([flow.mean for flow in flows], axis=1),
        np.concatenate([flow.variance for flow in flows], axis=1),
        window,
        None,
        common,
    )
    if all(flow.atoms is None for flow in flows):
        return joined
    return replace(joined, atoms=_side_by_side([flow.points for flow in flows]))


def _side_by_side(parts: Sequence[Atoms]) -> Atoms:
    """Points of all parts as one array, the spikes in columns of their own."""
    most = max(part.values.shape[-1] for part in parts)
    columns = [_padded(part, most) for part in parts]
    window = blend([p.window for p in parts], [p.variance.sum(axis=1) for p in parts])
    shared = np.any([column[3] for column in columns], axis=0)
    values, weights, scores = (
        np.concatenate([column[i] for column in columns], axis=1) for i in range(3)
    )
    return Atoms(values, weights, scores, window, shared)


def _padded(part: Atoms, most: int) -> tuple[Array, Array, Array, np.ndarray]:
    size = part.values.shape
    width = ((0, 0), (0, 0), (0, most - size[-1]))
    return (
        np.pad(part.values, width),
        np.pad(np.broadcast_to(part.weights, size), width),
        np.pad(np.broadcast_to(part.scores, size), width, constant_values=np.nan),
        np.pad(part.shared, (0, most - size[-1])),
    )


def _per_channel(edge: Edge, node: Node, others: Sequence[Edge]) -> Array | None:
    """A parameter or constant as one number per channel of the flow it meets."""
    if not isinstance(edge, Fixed):
        return None
    flow = next((other for other in others if isinstance(other, Flow)), None)
    if edge.values.size == 1:
        return np.asarray(edge.values, dtype=np.float64).reshape(1)
    if flow is None or flow.folded:
        return None
    shape = (1,) * (len(node.shape) - edge.values.ndim) + edge.values.shape
    if any(n != 1 for axis, n in enumerate(shape) if axis != flow.channel):
        return None
    return np.asarray(edge.values, dtype=np.float64).reshape(1, -1)
