"""How many groups a group norm has."""

from normdrop.errors import OrderError
from normdrop.values.order._order import Order
from normdrop.values.order._token import Token

# The number Wu and He propose, "Group Normalization", ECCV 2018.
_USUAL_GROUPS = 32


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
