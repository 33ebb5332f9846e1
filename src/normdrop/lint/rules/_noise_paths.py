"""Noise on its way to norm layers, as far as it is certain."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from normdrop.lint.rules._subject import Subject
from normdrop.shifts.graph import Activation, Kind, Node

# Where noise is diluted, or damped by nobody knows how much.
_UNSIZED = {
    *(Kind.ADD, Kind.CONCATENATE, Kind.RESAMPLE),
    *(Kind.ATTENTION, Kind.RECURRENT, Kind.MATMUL),
}
_NOTHING = 0.01
"""Less than this share of log variance is what no measurement on a few batches tells from none."""
_ERRORS = 2.0
"""Errors that an estimate must be away from no shift, where it is small."""
_SMALL = 0.1
"""Beyond this log variance noise is told of, however uncertain its size."""
# A cap at 6 hardly matters to a standard normal variable.
_RECTIFIED = {"relu", "relu6"}


@dataclass(frozen=True, slots=True)
class Way:
    """A shortest certain way from noise to a norm, and the nodes between them."""

    noise: Node
    norm: Node
    steps: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """One noise layer and the ways to the norm layers it reaches, the shortest first."""

    noise: Node
    ways: tuple[Way, ...]


def noise_causes(subject: Subject) -> Iterator[Cause]:
    """The noise layers from which a certain way leads to a norm with running statistics."""
    found: dict[str, dict[str, Way]] = {}
    for noise in subject.graph.of_kind(Kind.NOISE):
        part = subject.part(noise)
        # What is on in both modes moves no variance from one to the other.
        if noise.noise is not None and noise.noise.active and not (part and part.always):
            for way in _ways(subject, noise):
                found.setdefault(noise.layer, {}).setdefault(way.norm.layer, way)
    for ways in found.values():
        ranked = sorted(ways.values(), key=lambda way: (len(way.steps), way.norm.id))
        yield Cause(ranked[0].noise, tuple(ranked))


def parts(subject: Subject) -> dict[str, dict[str, float | None]]:
    """What each noise layer of a captured model adds to log Δ at the norms it shifts.

    Whether noise reaches a norm is a matter of the graph alone. Where the shift is known, each
    noise layer has its share of it, also where other norms lie between. The whole has the one of
    the largest share, so that a shift which many small shares make is told in full once; and each,
    where nothing shares it out.

    Returns:
        Noise layer path to norm layer path to the part; None where noise reaches a norm whose
        shift is unknown.
    """
    found: dict[str, dict[str, float | None]] = {}
    reaching = subject.reaching
    layers = {node.layer for node in subject.graph}
    for norm, noises in reaching.items():
        layer = subject.shifts.get(norm)
        if layer is None or not layer.shift > 0:
            for noise in noises:
                found.setdefault(noise, {})[norm] = None
    for norm, layer in subject.shifts.items():
        if norm not in layers or not layer.shift > 0:
            continue
        log = math.log(layer.shift)
        if abs(log) <= min(_SMALL, _ERRORS * (layer.error or 0.0)):
            continue
        shares = {noise: share for noise, share in layer.causes.items() if noise in layers}
        if shares:
            shares[max(shares, key=lambda noise: shares[noise])] = 1.0
        for noise, share in (shares or dict.fromkeys(reaching.get(norm, ()), 1.0)).items():
            # Shares that nearly cancel are huge: none counts for more than the whole.
            part = max(share, -1.0) * log
            if abs(part) > _NOTHING:
                found.setdefault(noise, {})[norm] = part
    return found


def _ways(subject: Subject, noise: Node) -> Iterator[Way]:
    """Search forward, no further than the next norms with statistics."""
    waiting: deque[tuple[Node, tuple[Node, ...]]] = deque([(noise, ())])
    seen = {noise.id}
    while waiting:
        node, steps = waiting.popleft()
        for following in subject.graph.consumers(node):
            if following.id in seen or following.kind is Kind.UNKNOWN:
                continue
            seen.add(following.id)
            if following.carries_statistics:
                yield Way(noise, following, steps)
            else:
                waiting.append((following, (*steps, following)))


def expected_shift(subject: Subject, way: Way) -> float | None:
    """Expected eval variance / train variance behind noise, from what the source shows.

    Behind a ReLU of a standard normal variable that is (π − 1) / (π f − 1) for noise with second
    moment factor f (Kim et al. 2023, section 3), whether or not fresh weights follow; else 1 / f,
    as for inputs of mean zero (Li et al. 2019, case (a)). None where the rate cannot be read, or
    where another tensor joins on the way and dilutes the noise.
    """
    noise = way.noise.noise
    if noise is None or math.isnan(noise.rate):
        return None
    if any(step.kind in _UNSIZED for step in way.steps):
        return None
    factor = noise.second_moment_factor
    if factor == 0:
        return None
    if _is_rectified(subject, way.noise, way.steps):
        return (math.pi - 1) / (math.pi * factor - 1)
    return 1 / factor


def _is_rectified(subject: Subject, noise: Node, steps: Sequence[Node]) -> bool:
    """Whether a ReLU stands before the noise, or after it with nothing but shapes between."""
    before = [*subject.graph.sources(noise)]
    while before and before[0].kind in {Kind.RESHAPE, Kind.NOISE}:
        before = [*subject.graph.sources(before[0])]
    around = [*before[:1], *steps[:1]]
    return any(
        isinstance(each.details, Activation) and each.details.name in _RECTIFIED for each in around
    )
