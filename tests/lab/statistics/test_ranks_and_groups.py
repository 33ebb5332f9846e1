"""Ranks within seeds, and groups that cannot be told apart."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from normdrop.lab.statistics import indistinguishable, letters, seed_ranks


def test_ranks_agree_with_scipy() -> None:
    """Complete seeds without ties are ranked as scipy ranks each column."""
    losses = np.random.default_rng(0).normal(size=(5, 7))
    ranks = seed_ranks(losses, np.zeros((5, 7), dtype=bool))
    for seed in range(7):
        assert ranks[:, seed].tolist() == stats.rankdata(losses[:, seed]).tolist()


def test_diverged_trials_rank_last_and_failed_ones_rank_nobody() -> None:
    """Two that diverge share the last places; a seed with a failed trial is left out."""
    losses = np.array([[0.1, 0.2], [np.nan, 0.1], [np.nan, 0.3], [0.2, np.nan]])
    diverged = np.array([[0, 0], [1, 0], [1, 0], [0, 0]], dtype=bool)
    assert seed_ranks(losses, diverged).tolist() == [[1], [3.5], [3.5], [2]]


@st.composite
def graphs(draw: st.DrawFn) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """A symmetric relation on up to 8 variants, false on the diagonal."""
    size = draw(st.integers(1, 8))
    different = np.zeros((size, size), dtype=bool)
    for first, second in itertools.combinations(range(size), 2):
        different[first, second] = different[second, first] = draw(st.booleans())
    return different


@given(graphs())
def test_groups_are_all_maximal_sets(
    different: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
) -> None:
    """The groups are exactly the sets without a difference that no variant can join."""
    size = len(different)
    subsets = [
        set(members)
        for count in range(1, size + 1)
        for members in itertools.combinations(range(size), count)
        if not different[np.ix_(members, members)].any()
    ]
    maximal = [subset for subset in subsets if not any(subset < other for other in subsets)]
    groups = indistinguishable(different)
    assert groups == sorted(tuple(sorted(subset)) for subset in maximal)


@given(graphs())
def test_letters_say_the_same(
    different: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
) -> None:
    """Two variants share a letter exactly if they cannot be told apart."""
    shown = letters(indistinguishable(different), len(different))
    for first, second in itertools.combinations(range(len(different)), 2):
        assert bool(set(shown[first]) & set(shown[second])) != different[first, second]


@pytest.mark.parametrize(("group", "letter"), [(0, "a"), (25, "z"), (26, "A"), (52, "a'")])
def test_letters_never_run_out(group: int, letter: str) -> None:
    """Beyond the alphabet come capitals, then primes."""
    groups = [(variant,) for variant in range(60)]
    assert letters(groups, 60)[group] == letter
