"""Noise on its way to norm layers, as far as it is certain."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from normdrop.graph import Kind, Node
from normdrop.graph.paths import NoisePath, noise_before

from ._subject import Subject

# What an operation that is not understood does to noise is not claimed.
_UNCERTAIN = {Kind.UNKNOWN, Kind.ATTENTION, Kind.RECURRENT, Kind.MATMUL}
_RECTIFIED = {"relu", "relu_", "relu6", "ReLU"}


@dataclass(frozen=True, slots=True)
class Cause:
    """One noise layer and the norm layers it reaches, the nearest first."""

    noise: Node
    paths: tuple[NoisePath, ...]


def causes(subject: Subject) -> Iterator[Cause]:
    """The noise layers from which a certain way leads to a norm with running statistics."""
    found: dict[str, list[NoisePath]] = {}
    for norm in subject.graph.of_kind(Kind.NORM):
        if norm.carries_statistics:
            for path in noise_before(subject.graph, norm):
                if not any(step.kind in _UNCERTAIN for step in path.steps):
                    found.setdefault(path.noise.layer, []).append(path)
    for paths in found.values():
        once = {path.norm.layer: path for path in reversed(paths)}
        near = sorted(once.values(), key=lambda path: (len(path.steps), path.norm.id))
        yield Cause(near[0].noise, tuple(near))


def expected_shift(subject: Subject, path: NoisePath) -> float | None:
    """Expected eval variance / train variance behind noise, from what the source shows.

    Behind a ReLU of a standard normal variable that is (π − 1) / (π f − 1) for noise with second
    moment factor f (Kim et al. 2023, section 3), whether or not fresh weights follow; else 1 / f,
    as for inputs of mean zero (Li et al. 2019, case (a)). None where the rate cannot be read, or
    where another tensor joins on the way and dilutes the noise.
    """
    noise = path.noise.noise
    if noise is None or math.isnan(noise.rate):
        return None
    if any(step.kind in {Kind.ADD, Kind.CONCATENATE} for step in path.steps):
        return None
    factor = noise.second_moment_factor
    if factor == 0:
        return None
    if _is_rectified(subject, path.noise, path.steps):
        return (math.pi - 1) / (math.pi * factor - 1)
    return 1 / factor


def _is_rectified(subject: Subject, noise: Node, steps: Sequence[Node]) -> bool:
    """Whether a ReLU stands before the noise, or after it with nothing but shapes between."""
    before = [*subject.graph.sources(noise)]
    while before and before[0].kind in {Kind.RESHAPE, Kind.NOISE}:
        before = [*subject.graph.sources(before[0])]
    around = [*before[:1], *steps[:1]]
    return any(each.kind is Kind.ACTIVATION and each.operation in _RECTIFIED for each in around)
