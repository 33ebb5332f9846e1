"""What follows from a token's position: channel counts, and which weights need a bias."""

from collections.abc import Sequence
from itertools import accumulate, repeat

from normdrop.values.order._kinds import Role
from normdrop.values.order._token import Token


def channels(
    tokens: Sequence[Token], in_channels: int, out_channels: int | Sequence[int]
) -> tuple[int, ...]:
    """How many channels enter each token, and as a last item how many leave the last one."""
    leaving = repeat(out_channels) if isinstance(out_channels, int) else iter(out_channels)

    def after(entering: int, token: Token) -> int:
        return next(leaving) if token.role is Role.WEIGHT else entering

    return tuple(accumulate(tokens, after, initial=in_channels))


def needs_bias(tokens: Sequence[Token], position: int, *, padded_pool: bool = False) -> bool:
    """Whether a constant added to each channel after `tokens[position]` changes what follows.

    A batch norm subtracts the channel's mean and with it any constant, be it that the constant
    arrives directly, through max pooling, which commutes with adding a constant (its padding is
    minus infinity), or through average pooling, unless that averages padded zeros in. Nothing else
    lets the constant through unchanged: dropout turns it into noise, an activation bends it, a
    weight mixes it with the zeros of its padding, and a group or layer norm removes the mean over
    several channels, not each channel's own.
    """
    for token in tokens[position + 1 :]:
        if token.kind.carries_statistics:
            return False
        if token.role is not Role.POOL or (padded_pool and not token.is_max_pool):
            return True
    return True
