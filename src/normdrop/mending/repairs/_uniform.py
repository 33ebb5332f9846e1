"""How much noise a model bears."""

import math
from collections.abc import Mapping
from dataclasses import replace

from normdrop.shifts.graph import Captured, Distribution, Graph, Noise
from normdrop.shifts.moments import expected_shifts
from normdrop.values.noise import Bernoulli

KEPT = 0.98
"""The least expected shift that uniform noise may cause."""
UNWARNED = 0.955
"""The least expected shift that lowered dropout may cause: no warning, with room for rounding."""
_NEAR = 0.97
"""How near to the bound the search ends."""
# From below one step lands near the bound; from above it takes several.
_FIRST = 0.002
_STEPS = 20


def largest_beta(captured: Captured, caps: Mapping[str, float], kept: float = KEPT) -> float:
    """The largest half-width at which uniform noise shifts no norm layer beyond a bound.

    All the layers are given that half-width, though none more than its cap, and what they shift is
    counted beside what other noise shifts.

    Args:
        captured: A model; its named layers are taken for uniform noise.
        caps: The largest half-width of each of these layers, by path.
        kept: The least expected shift that they may cause.

    Returns:
        The half-width, rounded down to a thousandth.
    """
    still, bound = _logs(captured, caps, 0.0), -math.log(kept)
    most = max(caps.values()) ** 2
    square = min(_FIRST, most)
    for _ in range(_STEPS):
        logs = _logs(captured, caps, math.sqrt(square))
        worst = max((abs(log - still.get(path, 0.0)) for path, log in logs.items()), default=0.0)
        if worst <= bound and (square == most or worst > _NEAR * bound):
            return _rounded(math.sqrt(square))
        # Log Δ grows with β² and ever more slowly, so a step from below stays below.
        square = min(most, square * (1 + _NEAR) / 2 * bound / worst) if worst > 0 else most
    return 0.0


def rate_of(beta: float) -> float:
    """The dropout rate whose noise has the variance of uniform noise: v / (1 + v), rounded down.

    >>> rate_of(math.sqrt(3))
    0.5
    """
    variance = beta**2 / 3
    return math.floor(variance / (1 + variance) * 1000 + 1e-9) / 1000


def cap(noise: Noise) -> float:
    """The half-width of uniform noise that has the variance of a noise: β = √(3 (f - 1)).

    f is the second moment factor; noise of the same factor shifts as much.

    >>> from normdrop.shifts.graph import Along, Distribution
    >>> round(cap(Noise(Distribution.BERNOULLI, Along.ELEMENT, True, rate=0.5, scale=2.0)), 3)
    1.732
    """
    factor = noise.second_moment_factor
    if noise.fill:
        factor = Bernoulli(noise.rate).second_moment_factor
    return math.sqrt(max(0.0, 3 * (factor - 1)))


def with_betas(captured: Captured, betas: Mapping[str, float]) -> Captured:
    """The model with uniform noise of other half-widths, by path; at 0 it does not draw."""
    return Captured(_spread(captured.train, betas), captured.eval)


def _logs(captured: Captured, caps: Mapping[str, float], beta: float) -> dict[str, float]:
    betas = {layer: min(beta, most) for layer, most in caps.items()}
    layers = expected_shifts(with_betas(captured, betas), blame=False)
    return {layer.path: math.log(layer.shift) for layer in layers if layer.shift > 0}


def _spread(graph: Graph, betas: Mapping[str, float]) -> Graph:
    """The graph with other half-widths."""
    nodes = tuple(
        replace(node, details=_uniform(node.noise, betas[node.layer]))
        if node.layer in betas and node.noise is not None and betas[node.layer] > 0
        else node
        if node.layer not in betas or node.noise is None
        else replace(node, details=replace(node.noise, active=False))
        for node in graph
    )
    return replace(graph, nodes=nodes)


def _uniform(noise: Noise, beta: float) -> Noise:
    return Noise(
        Distribution.UNIFORM, noise.along, active=True, spread=beta, mask_shape=noise.mask_shape
    )


def _rounded(beta: float) -> float:
    return math.floor(beta * 1000) / 1000
