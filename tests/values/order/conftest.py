"""Random orders."""

from typing import Any

import pytest
from hypothesis import strategies as st

from normdrop.values.order import ACTIVATIONS, KINDS


def _arguments(name: str) -> st.SearchStrategy[Any]:
    """Every argument a token may have."""
    rates = st.floats(0, 1, allow_subnormal=True)
    by_name: dict[str, st.SearchStrategy[Any]] = {
        "act": st.sampled_from(ACTIVATIONS),
        "drop": rates,
        "gaussian": rates.filter(lambda rate: rate < 1),
        "uniform": st.floats(0, 1e100),
        "gn": st.integers(1, 10**6),
        "pool": st.sampled_from(["max", "avg"]),
    }
    return by_name.get(name, st.nothing())


def _tokens(name: str) -> st.SearchStrategy[str]:
    """A token, with and without argument."""
    return st.just(name) | _arguments(name).map(lambda argument: f"{name}({argument})")


@pytest.fixture(scope="session")
def orders() -> st.SearchStrategy[str]:
    """Orders of up to ten tokens, repeated ones among them."""
    token = st.sampled_from(sorted(KINDS)).flatmap(_tokens)
    return st.lists(token, min_size=1, max_size=10).map("-".join)
