"""How many seeds an exact test needs before it can show anything."""


def seeds_needed(comparisons: int = 1, level: float = 0.05) -> int:
    """The fewest paired seeds with which an exact sign-flip test can reach a level under Holm.

    A two-sided sign-flip test of n seeds has no p-value below 2^(1 − n), and Holm multiplies the
    smallest of m by m: the smallest n with m · 2^(1 − n) ≤ level. The step-down maximum does not
    multiply: it needs the seeds of one comparison, however many there are.

    Args:
        comparisons: How many comparisons Holm's method adjusts for, 1 or more.
        level: The chance of any false claim, between 0 and 1.

    Example:
        >>> [seeds_needed(m) for m in (1, 2, 3, 4, 6, 7, 12, 45)]
        [6, 7, 7, 8, 8, 9, 9, 11]
    """
    seeds = 1
    while comparisons * 2.0 ** (1 - seeds) > level:
        seeds += 1
    return seeds
