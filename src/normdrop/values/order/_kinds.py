"""The tokens an order is made of, with and without arguments. A new one is an entry in `KINDS`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeAlias

from normdrop.values import operations
from normdrop.values.noise import LAWS, Noise

Argument: TypeAlias = str | int | float


@dataclass(frozen=True)
class Real:
    """A finite number from 0 to `high`, which itself is allowed unless `open_end`."""

    meaning: str
    high: float = math.inf
    open_end: bool = False

    @property
    def words(self) -> str:
        """What the argument must be."""
        if math.isinf(self.high):
            return f"{self.meaning}, a number of at least 0"
        if self.open_end:
            return f"{self.meaning}, a number of at least 0 and below {self.high:g}"
        return f"{self.meaning}, a number from 0 to {self.high:g}"

    def read(self, text: str) -> float | None:
        """The number, or nothing if `text` is none or lies outside."""
        value = _number(text)
        if value is None or not 0 <= value <= self.high or (self.open_end and value == self.high):
            return None
        return value

    def nearest(self, text: str) -> float | None:
        """The end of the interval on the number's side, or the fraction a percentage means."""
        value = _number(text.removesuffix("%"))
        if value is None:
            return None
        if text.endswith("%"):
            value /= 100
        clipped = min(max(value, 0.0), self.high)
        return None if self.open_end and clipped == self.high else clipped


@dataclass(frozen=True)
class Count:
    """A positive whole number."""

    meaning: str

    @property
    def words(self) -> str:
        """What the argument must be."""
        return f"{self.meaning}, a whole number of at least 1"

    def read(self, text: str) -> int | None:
        """The number, or nothing if `text` is none."""
        return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None

    def nearest(self, text: str) -> int | None:
        """The whole number next to a fraction, and 1 for anything below."""
        value = _number(text)
        return None if value is None else max(1, round(value))


@dataclass(frozen=True)
class Choice:
    """One of some names; `other_names` maps what else they are called to them."""

    meaning: str
    names: tuple[str, ...]
    other_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What the argument must be."""
        return f"{self.meaning}: {', '.join(self.names[:-1])} or {self.names[-1]}"

    def read(self, text: str) -> str | None:
        """The name, or nothing if `text` is none of them."""
        return text if text in self.names else None

    def nearest(self, text: str) -> str | None:
        """The name that looks most like `text`, whatever its case and separators."""
        plain = text.lower().replace(" ", "_")
        known = {**self.other_names, **{name: name for name in self.names}}
        matches = get_close_matches(plain, known, n=1, cutoff=0.5)
        return known[matches[0]] if matches else None


ArgumentKind: TypeAlias = Real | Count | Choice
"""What reads an argument, and knows which one a wrong text was probably meant to be."""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


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


@dataclass(frozen=True)
class Token:
    """A token and its argument, as the parser read them.

    Attributes:
        name: A key of `KINDS`.
        argument: What stands in the parentheses; none means that the block's setting applies.
    """

    name: str
    argument: Argument | None = None

    @property
    def kind(self) -> TokenKind:
        """What is known of the token by its name."""
        return KINDS[self.name]

    @property
    def role(self) -> Role:
        """What the token does to the activations."""
        return self.kind.role

    @property
    def is_max_pool(self) -> bool:
        """Whether this is `pool(max)`, or `pool`, which means the same."""
        return self.role is Role.POOL and self.argument != "avg"

    @property
    def noise(self) -> Noise | None:
        """The noise's distribution; none if the token is no noise or its strength is not known."""
        strength = self.kind.usual if self.argument is None else self.argument
        if self.kind.noise is None or not isinstance(strength, float):
            return None
        return self.kind.noise(strength)

    def __str__(self) -> str:
        """The token as it is written in an order."""
        if self.argument is None:
            return self.name
        return f"{self.name}({str(self.argument).removesuffix('.0')})"
