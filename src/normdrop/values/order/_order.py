"""The order as a value."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import accumulate, repeat
from typing import Never

from normdrop.errors import OrderError
from normdrop.values.operations import NOISES
from normdrop.values.order._kinds import ACTIVATIONS, KINDS, Role, Token
from normdrop.values.order._risks import Risk, risks

# The number Wu and He propose, "Group Normalization", ECCV 2018.
_USUAL_GROUPS = 32


@dataclass(frozen=True, repr=False)
class Order:
    """The order of a block's layers, read from a string such as `"conv-bn-act-drop-pool"`.

    Tokens are separated by dashes; spaces around them do not count. Any order is allowed, and a
    repeated token is kept. An order is immutable and hashable; equal strings make equal orders.

    Attributes:
        text: The order as a string, in its canonical form.
        tokens: The same as tokens.

    Raises:
        OrderError: If the string is not an order. The message quotes the wrong token, gives its
            column and proposes the nearest valid one.

    Example:
        >>> order = Order("conv-bn-act-drop(0.30)-pool")
        >>> order
        Order('conv-bn-act-drop(0.3)-pool')
        >>> [token.name for token in order]
        ['conv', 'bn', 'act', 'drop', 'pool']
        >>> order.biases()
        (False,)
        >>> Order("conv-batchnorm-act")
        Traceback (most recent call last):
        ...
        normdrop.errors.OrderError: order 'conv-batchnorm-act': 'batchnorm' at column 6 is no \
token; did you mean 'bn'?
    """

    text: str
    tokens: tuple[Token, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Parse, and keep the canonical text."""
        text: object = self.text
        if not isinstance(text, str):
            raise OrderError(f"an order is one string, such as 'conv-bn-act', not {text!r}")
        tokens = parse(text)
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "text", "-".join(map(str, tokens)))

    def channels(self, in_channels: int, out_channels: int | Sequence[int]) -> tuple[int, ...]:
        """How many channels enter each token, and as a last item how many leave the last one.

        A norm before the weight has the input's channels and one after it the output's.

        Args:
            in_channels: Channels of the input.
            out_channels: What each weight hands on: one number for all of them, or one for each.

        Example:
            >>> Order("bn-conv-bn").channels(3, 64)
            (3, 3, 64, 64)
        """
        leaving = repeat(out_channels) if isinstance(out_channels, int) else iter(out_channels)

        def after(entering: int, token: Token) -> int:
            return next(leaving) if token.role is Role.WEIGHT else entering

        return tuple(accumulate(self.tokens, after, initial=in_channels))

    def biases(self, *, padded_pool: bool = False) -> tuple[bool, ...]:
        """Whether each weight, in order, needs a bias: not where a batch norm cancels it.

        A batch norm cancels it directly, through max pooling, or through average pooling unless
        that is padded; never through dropout, an activation or another weight. Group and layer
        norm do not cancel it.

        Args:
            padded_pool: Whether average pooling counts padded zeros.

        Example:
            >>> Order("conv-pool-bn-act-conv-drop-bn").biases()
            (False, True)
        """
        return tuple(
            _needs_bias(self.tokens[position + 1 :], padded_pool=padded_pool)
            for position, token in enumerate(self.tokens)
            if token.role is Role.WEIGHT
        )

    @property
    def risks(self) -> tuple[Risk, ...]:
        """What the literature holds against this order; see `Risk`.

        Example:
            >>> [risk.kind for risk in Order("conv-drop(0.5)-bn-act").risks]
            ['noise-before-norm']
            >>> Order("conv-bn-act-pool").risks
            ()
        """
        return risks(self.tokens)

    def __iter__(self) -> Iterator[Token]:
        """The tokens in order."""
        return iter(self.tokens)

    def __len__(self) -> int:
        """How many tokens."""
        return len(self.tokens)

    def __str__(self) -> str:
        """The order as a string, in its canonical form."""
        return self.text

    def __repr__(self) -> str:
        """The call that builds this order."""
        return f"Order({self.text!r})"

    def __reduce__(self) -> "tuple[type[Order], tuple[str]]":
        """Pickle the string, so that loading validates it."""
        return type(self), (self.text,)


def _needs_bias(following: Sequence[Token], *, padded_pool: bool) -> bool:
    """Whether a constant added to each channel changes the tokens that follow.

    A batch norm subtracts the channel's mean and with it any constant, be it that the constant
    arrives directly, through max pooling, which commutes with adding a constant (its padding is
    minus infinity), or through average pooling, unless that averages padded zeros in. Nothing else
    lets the constant through unchanged: dropout turns it into noise, an activation bends it, a
    weight mixes it with the zeros of its padding, and a group or layer norm removes the mean over
    several channels, not each channel's own.
    """
    for token in following:
        if token.kind.carries_statistics:
            return False
        if token.role is not Role.POOL or (padded_pool and not token.is_max_pool):
            return True
    return True


def group_count(order: Order, token: Token, channels: int) -> int:
    """The number of groups of a `gn` token where so many channels enter.

    Raises:
        OrderError: If it does not divide the channels; the message proposes the nearest that does.

    Example:
        >>> order = Order("conv-gn(8)-act")
        >>> group_count(order, order.tokens[1], 64)
        8
    """
    groups = token.argument if isinstance(token.argument, int) else _USUAL_GROUPS
    if channels % groups:
        divisors = (number for number in range(1, channels + 1) if channels % number == 0)
        nearest = min(divisors, key=lambda divisor: abs(divisor - groups))
        raise OrderError(
            f"order {str(order)!r}: {str(token)!r} means {groups} groups, which do not divide the "
            f"{channels} channels there; did you mean 'gn({nearest})'?"
        )
    return groups


_PARENTHESES = re.compile(r"\([^()]*\)")
_TOKEN = re.compile(r"(?P<name>[^()]*?)\s*(?:\((?P<argument>[^()]*)\))?")

# What other libraries and papers call the tokens.
_OTHER_NAMES = {
    "convolution": "conv",
    "dense": "linear",
    "fc": "linear",
    "batchnorm": "bn",
    "norm": "bn",
    "groupnorm": "gn",
    "layernorm": "ln",
    "activation": "act",
    "nonlinearity": "act",
    **{noise.name.replace("_", ""): noise.in_order for noise in NOISES if noise.in_order},
    "uout": "uniform",
    "maxpool": "pool(max)",
    "avgpool": "pool(avg)",
    "pooling": "pool",
    **{name: f"act({name})" for name in ACTIVATIONS},
    **{name: name for name in KINDS},
}


def parse(text: str) -> tuple[Token, ...]:
    """Read an order.

    Raises:
        OrderError: If a token or its argument is not valid; the message quotes it, gives its column
            (from 1) and proposes the nearest valid one.
    """
    return tuple(_token(text, column, piece) for column, piece in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Each token's column, from 1, and its text."""
    # A dash inside parentheses belongs to a number: `drop(1e-3)`.
    masked = _PARENTHESES.sub(lambda match: "_" * len(match[0]), text)
    start = 0
    for end in [*(dash.start() for dash in re.finditer("-", masked)), len(text)]:
        piece = text[start:end]
        yield start + len(piece) - len(piece.lstrip()) + 1, piece.strip()
        start = end + 1


def _token(text: str, column: int, piece: str) -> Token:
    if not piece:
        _refuse(text, column, piece, "is no token", None)
    match = _TOKEN.fullmatch(piece)
    if match is None:
        _refuse(text, column, piece, "has unbalanced parentheses", _closed(piece))
    name, argument = match["name"], match["argument"]
    if name not in KINDS:
        _refuse(text, column, piece, "is no token", _nearest(name, argument))
    return Token(name) if argument is None else _with_argument(text, column, piece, match)


def _with_argument(text: str, column: int, piece: str, match: re.Match[str]) -> Token:
    name, argument = match["name"], match["argument"].strip()
    kind = KINDS[name].argument
    if kind is None:
        _refuse(text, column, piece, "takes no argument", name)
    value = kind.read(argument)
    if value is None:
        reason = f"needs {kind.words}"
        _refuse(text, column, piece, reason, str(Token(name, kind.nearest(argument))))
    return Token(name, value)


def _closed(piece: str) -> str | None:
    """The token that a piece with unbalanced parentheses was probably meant to be."""
    name, _, argument = piece.partition("(")
    return _nearest(name.strip(") "), argument.strip("() ") or None)


def _nearest(name: str, argument: str | None) -> str | None:
    """The valid token that looks most like `name`, with its argument where that is valid."""
    plain = re.sub(r"[^a-z0-9]", "", re.sub(r"[123]d$", "", name.lower()))
    matches = get_close_matches(plain, _OTHER_NAMES, n=1, cutoff=0.6)
    if not matches:
        return None
    token = _OTHER_NAMES[matches[0]]
    kind = KINDS[token].argument if token in KINDS else None
    if kind is None or argument is None:
        return token
    return str(Token(token, kind.read(argument.strip())))


def _refuse(text: str, column: int, piece: str, reason: str, proposal: str | None) -> Never:
    hint = (
        f"did you mean {proposal!r}?" if proposal else f"the tokens are {', '.join(sorted(KINDS))}"
    )
    raise OrderError(f"order {text!r}: {piece!r} at column {column} {reason}; {hint}")
