"""The stand-in for an example input."""

import pytest
import torch

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


@pytest.mark.parametrize("shape", [8, None, 2.5])
def test_what_is_no_shape_is_refused(shape: object) -> None:
    """A bare number is told how a shape of one axis looks."""
    with pytest.raises(normdrop.NormdropError, match=r"such as \(3, 32, 32\), not"):
        normdrop.Input(shape)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [64, None, float, torch.float32])
def test_an_element_type_goes_by_its_name(dtype: object) -> None:
    """A type of one framework's own is refused when the input is made, not when it is used."""
    with pytest.raises(normdrop.NormdropError, match="dtype is a name such as 'float32'"):
        normdrop.Input((3,), dtype)  # type: ignore[arg-type]
