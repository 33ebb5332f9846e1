"""`Head`: its positions and optional layers."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from normdrop.errors import UsageError
from normdrop.torch import Dropout, Head, UniformDropout

NAMESPACE = {"Head": Head, "UniformDropout": UniformDropout}

FULL = ["conv", "bn", "act", "pool", "flatten", "linear"]


def names(head: Head) -> list[str]:
    """The names of the head's layers."""
    return [name for name, _ in head.named_children()]


@pytest.mark.parametrize(
    ("position", "index"),
    [
        ("H1", 0),
        ("H2", 1),
        ("H3", 2),
        ("H4", 3),
        ("before-pool", 3),
        ("H5", 5),
        ("after-pool", 5),
        ("H6", 6),
    ],
)
def test_positions(position: Any, index: int) -> None:  # noqa: ANN401 - parametrized
    """Each position puts dropout into the gap the paper numbers so; H5 is after the flattening."""
    head = Head(8, 3, hidden=16, norm=True, activation="relu", dropout=0.3, position=position)
    assert names(head) == [*FULL[:index], "drop", *FULL[index:]]
    assert head(torch.randn(2, 8, 4, 4)).shape == (2, 3)


def test_default_is_before_the_pooling() -> None:
    """Guideline 2 of Kim et al.: after the last norm and before the pooling."""
    assert names(Head(8, 3, norm=True, activation="relu", dropout=0.5)) == [
        "bn",
        "act",
        "drop",
        "pool",
        "flatten",
        "linear",
    ]


def test_layers_are_optional() -> None:
    """Without hidden convolution, norm, activation and dropout, only the rest remains."""
    assert names(Head(8, 3)) == ["pool", "flatten", "linear"]
    assert names(Head(8, 3, hidden=4)) == ["conv", "pool", "flatten", "linear"]
    assert names(Head(8, 3, activation="elu")) == ["act", "pool", "flatten", "linear"]
    assert not any(isinstance(layer, Dropout) for layer in Head(8, 3, position="H1"))


def test_bias_of_the_hidden_convolution_follows_its_place() -> None:
    """The hidden convolution has a bias unless the norm follows it directly."""
    assert "conv.bias" not in Head(8, 3, hidden=4, norm=True).state_dict()
    assert "conv.bias" in Head(8, 3, hidden=4).state_dict()
    noisy = Head(8, 3, hidden=4, norm=True, dropout=0.5, position="H2")
    assert "conv.bias" in noisy.state_dict()


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_head_computes_the_mean_and_a_linear_layer(dimensions: int) -> None:
    """In eval mode a bare head is a linear layer of the mean over positions."""
    head = Head(8, 3, dropout=0.5, dimensions=dimensions).eval()
    x = torch.randn(2, 8, *[4] * dimensions)
    linear = head.get_submodule("linear")
    torch.testing.assert_close(head(x), linear(x.flatten(2).mean(2)))


@pytest.mark.parametrize(
    "text",
    [
        "Head(8, 3)",
        "Head(8, 3, hidden=16, norm=True, activation='relu', dropout=0.3, position='H5')",
        "Head(8, 3, dropout=UniformDropout(beta=0.1, along='channel'), dimensions=1)",
    ],
)
def test_repr_is_the_call(text: str) -> None:
    """`repr` prints the call back, and evaluates to an equal head; so does its pickle."""
    head = eval(text, NAMESPACE)  # noqa: S307 - the property under test
    assert repr(head) == text
    loaded = pickle.loads(pickle.dumps(head))  # noqa: S301 - our own bytes
    for twin in (eval(repr(head), NAMESPACE), loaded):  # noqa: S307 - same
        assert repr(twin) == text
        assert [repr(layer) for layer in twin] == [repr(layer) for layer in head]


def test_head_slices_to_a_sequence() -> None:
    """All but the classifier is a plain sequence of layers, for features."""
    assert type(Head(8, 3)[:-1]) is nn.Sequential


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Head(8, 3, position="H7"), "before-pool, after-pool, H1.*not 'H7'"),  # type: ignore[arg-type]
        (lambda: Head(8, 0), "classes must be .* not 0"),
        (lambda: Head(8, 3, hidden=0), "hidden must be .* not 0"),
        (lambda: Head(8, 3, dimensions=0), r"Block\('drop-linear', ...\)"),
        (lambda: Head(8, 3, activation="rleu"), "activation='rleu' is unknown"),
        (lambda: Head(8, 3, activation=""), "activation='' is unknown"),
    ],
)
def test_what_does_not_build_says_why(call: Callable[[], object], words: str) -> None:
    """A wrong argument is refused at construction."""
    with pytest.raises(UsageError, match=words):
        call()
