"""The stand-in for an example input."""

import pytest

import normdrop


def test_an_input_is_a_shape_and_an_element_type() -> None:
    """Lists become tuples and the element type is single precision unless named."""
    assert normdrop.Input([3, 8], "int64").shape == (3, 8)  # type: ignore[arg-type]
    assert normdrop.Input((3,)).dtype == "float32"


@pytest.mark.parametrize("extent", [0, -1, 2.0, True, "3"])
def test_an_impossible_extent_is_refused(extent: object) -> None:
    """The error quotes the extent and shows a right shape."""
    with pytest.raises(normdrop.NormdropError, match=r"holds .*such as \(3, 32, 32\)"):
        normdrop.Input((3, extent))  # type: ignore[arg-type]
