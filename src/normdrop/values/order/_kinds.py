"""The tokens an order is made of. A new token is a new entry in `KINDS`."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from normdrop.values import operations
from normdrop.values.noise import LAWS, Noise
from normdrop.values.order._arguments import ArgumentKind, Choice, Count, Real

ACTIVATIONS = tuple(sorted(name for name, each in operations.ACTIVATIONS.items() if each.in_order))
"""The activations that `act(...)` knows by name."""


class Role(StrEnum):
    """What a token does to the activations."""

    WEIGHT = "weight"
    NORM = "norm"
    ACTIVATION = "activation"
    NOISE = "noise"
    POOL = "pool"


@dataclass(frozen=True)
class TokenKind:
    """What is known of a token by its name.

    Attributes:
        name: The token as it is written, without argument.
        role: What it does to the activations.
        summary: The same in words, for the table of tokens.
        argument: What may stand in its parentheses; none if it takes no argument.
        carries_statistics: Whether it normalises each channel over the batch in training and by
            remembered statistics in evaluation. Only such a norm cancels a bias before it, and
            only such a norm suffers from noise before it.
        noise: The noise of a given argument, for a token that is noise.
        usual: The argument a block assumes where none is written, if it is the same everywhere.
    """

    name: str
    role: Role
    summary: str
    argument: ArgumentKind | None = None
    carries_statistics: bool = False
    noise: Callable[[float], Noise] | None = None
    usual: float | None = None


_STRENGTHS: dict[str, ArgumentKind] = {
    "bernoulli": Real("its rate", 1),
    "gaussian": Real("its rate", 1, open_end=True),
    "uniform": Real("its beta"),
}
_ACTIVATION = Choice("its name", ACTIVATIONS, {"swish": "silu"})
_POOLING = Choice("its kind", ("max", "avg"), {"average": "avg", "mean": "avg", "maximum": "max"})

_ALL = (
    TokenKind("conv", Role.WEIGHT, "convolution"),
    TokenKind("linear", Role.WEIGHT, "linear layer"),
    TokenKind("bn", Role.NORM, "batch norm", carries_statistics=True),
    TokenKind("gn", Role.NORM, "group norm", Count("its number of groups")),
    TokenKind("ln", Role.NORM, "layer norm over the channels at each position"),
    TokenKind("act", Role.ACTIVATION, "activation", _ACTIVATION),
    *(
        TokenKind(
            noise.in_order,
            Role.NOISE,
            noise.summary,
            _STRENGTHS[noise.law],
            noise=LAWS[noise.law],
            usual=noise.usual,
        )
        for noise in operations.NOISES
        if noise.in_order
    ),
    TokenKind("pool", Role.POOL, "max pooling or average pooling", _POOLING),
)

KINDS = {kind.name: kind for kind in _ALL}
