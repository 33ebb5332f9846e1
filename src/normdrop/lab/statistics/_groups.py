"""Groups of variants that cannot be told apart, and the letters that show them."""

import string
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def indistinguishable(different: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """The largest groups within which no two variants can be told apart.

    They are the maximal cliques of the graph that joins variants which do not differ: every pair
    that cannot be told apart shares a group, no pair that can does. "Not told apart" is no
    equivalence: A and B, B and C may share groups while A and C differ.

    Args:
        different: Symmetric, shape (variants, variants): which pairs can be told apart.

    Returns:
        Groups in order of their members, each ascending; a variant that differs from all others is
        a group of its own.

    Example:
        >>> different = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool)
        >>> indistinguishable(different)
        [(0, 1), (1, 2)]
    """
    alike = ~different
    neighbours = [set(np.flatnonzero(row).tolist()) - {v} for v, row in enumerate(alike)]
    return sorted(_cliques(set(), set(range(len(different))), set(), neighbours))


def _cliques(
    clique: set[int], candidates: set[int], done: set[int], neighbours: Sequence[set[int]]
) -> Iterator[tuple[int, ...]]:
    """Bron and Kerbosch's algorithm 457 with Tomita's pivot."""
    if not candidates and not done:
        yield tuple(sorted(clique))
        return
    pivot = max(candidates | done, key=lambda v: len(candidates & neighbours[v]))
    for vertex in sorted(candidates - neighbours[pivot]):
        near = neighbours[vertex]
        yield from _cliques(clique | {vertex}, candidates & near, done & near, neighbours)
        candidates = candidates - {vertex}
        done = done | {vertex}


def group_letter(number: int) -> str:
    """The letter of a group, counted from 0: a to z, A to Z, then the same with a prime.

    Example:
        >>> [group_letter(number) for number in (0, 25, 26, 52)]
        ['a', 'z', 'A', "a'"]
    """
    primes, place = divmod(number, len(string.ascii_letters))
    return string.ascii_letters[place] + "'" * primes


def letters(groups: Sequence[Sequence[int]], variants: int) -> list[str]:
    """One string per variant: variants that share no letter differ (a compact letter display).

    See Piepho 2004, "An algorithm for a letter-based representation of all-pairwise comparisons".

    Example:
        >>> letters([(0, 1), (1, 2)], 3)
        ['a', 'ab', 'b']
    """
    return [
        "".join(group_letter(number) for number, group in enumerate(groups) if variant in group)
        for variant in range(variants)
    ]
