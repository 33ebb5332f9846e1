"""Where dropout goes in the head of a network: the positions H1 to H6 of Kim et al. (UAI 2023).

H1 – [1×1 convolution] – H2 – [norm] – H3 – [activation] – H4 – [global average pooling] – H5 –
[linear] – H6.
"""

from typing import Literal, TypeAlias, get_args

from normdrop.errors import UsageError
from normdrop.values.order._order import Order

HeadPosition: TypeAlias = Literal["before-pool", "after-pool", "H1", "H2", "H3", "H4", "H5", "H6"]

_WORDS = {"before-pool": "H4", "after-pool": "H5"}


def head_orders(
    *, conv: bool, norm: bool, activation: bool, position: HeadPosition, noisy: bool
) -> tuple[Order | None, Order]:
    """The orders of a head before and after its global average pooling.

    Args:
        conv: Whether it has a convolution.
        norm: Whether it has a norm.
        activation: Whether it has an activation.
        position: Where dropout goes.
        noisy: Whether there is dropout at all; the position is checked in any case.

    Returns:
        What precedes the pooling, none if that is nothing, and what follows it.

    Raises:
        UsageError: If there is no such position.

    Example:
        >>> head_orders(conv=False, norm=True, activation=True, position="H4", noisy=True)
        (Order('bn-act-drop'), Order('linear'))
    """
    number = _number(position)
    tokens = ["conv", "bn", "act", "pool", "linear"]
    if noisy:
        tokens.insert(number - 1, "drop")
    optional = {"conv": conv, "bn": norm, "act": activation}
    tokens = [token for token in tokens if optional.get(token, True)]
    pool = tokens.index("pool")
    features = Order("-".join(tokens[:pool])) if pool else None
    return features, Order("-".join(tokens[pool + 1 :]))


def _number(position: str) -> int:
    """The number n of position Hn, which precedes the head's n-th layer."""
    if position not in get_args(HeadPosition):
        raise UsageError(
            f"position must be one of {', '.join(get_args(HeadPosition))}, not {position!r}; "
            "before-pool is what the literature advises"
        )
    return int(_WORDS.get(position, position)[1:])
