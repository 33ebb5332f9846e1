"""Statistics put together batch after batch, against numpy on all values at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from normdrop.errors import UsageError
from normdrop.shifts.stream import Seen, Tally, merged


def _tally(path: str = "bn") -> Tally[NDArray[np.float64]]:
    return Tally(path, np.stack)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=80),
    cut=st.integers(0, 80),
    offset=st.sampled_from([0.0, 1e4]),
)
def test_batches_of_any_size_add_up(sizes: list[int], cut: int, offset: float) -> None:
    """Mean and biased variance equal numpy's over all values, batched and merged in any way."""
    generator = np.random.default_rng(len(sizes))
    parts = [offset + generator.normal(size=(size, 3)) for size in sizes]
    tallies = _tally(), _tally()
    for number, part in enumerate(parts):
        moments = np.stack([part.mean(0), part.var(0)])
        tallies[number >= cut].add(number, len(part), moments)
    total = merged(*(tally.seen() for tally in tallies))
    together = np.concatenate(parts)
    assert total.count == len(together)
    assert total.batches == len(sizes)
    np.testing.assert_allclose(total.mean, together.mean(0), rtol=1e-12)
    np.testing.assert_allclose(total.variance, together.var(0), rtol=1e-6, atol=1e-12)
    within = sum(len(part) * part.var(0) for part in parts) / len(together)
    np.testing.assert_allclose(total.within, within, rtol=1e-9, atol=1e-12)
    layer = np.array([part.var(0).mean() for part in parts])
    weight = np.array(sizes) / sum(sizes)
    spread = (weight * (layer - weight @ layer) ** 2).sum()
    np.testing.assert_allclose(total.spread, spread, rtol=1e-6, atol=1e-12)


def test_nothing_merged_is_nothing() -> None:
    """Statistics of no values leave others as they are."""
    one = _tally()
    one.add(0, 4, np.ones((2, 2)))
    assert merged(one.seen(), Seen.nothing(2)) == one.seen()
    assert merged(Seen.nothing(2), one.seen()) == one.seen()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_named(bad: float) -> None:
    """The batch, counted from 1, and the layer are in the error."""
    tally = _tally("block.bn")
    for number in range(3):
        mean = np.array([0.0, bad if number == 1 else 0.0])
        tally.add(number, 4, np.stack([mean, np.ones(2)]))
    with pytest.raises(UsageError, match=r"batch 2 brings NaN or infinity to norm layer 'block"):
        tally.seen()
