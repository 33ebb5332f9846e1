"""The order as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, repeat
from typing import TYPE_CHECKING

from normdrop.errors import OrderError
from normdrop.values.order._kinds import Role, Token
from normdrop.values.order._parser import parse
from normdrop.values.order._risks import Risk, risks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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

    def __reduce__(self) -> tuple[type[Order], tuple[str]]:
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
