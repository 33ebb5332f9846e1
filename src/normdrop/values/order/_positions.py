"""Where dropout goes in a head and in a residual block: positions of Kim et al. (UAI 2023).

In a head: H1 – [1×1 convolution] – H2 – [norm] – H3 – [activation] – H4 – [global average pooling]
– H5 – [linear] – H6.

In a block it numbers the gaps of a pre-activation branch, norm, activation, weight, norm,
activation, weight: P0 lies on the trunk before the branch splits off, P1 to P7 follow. In other
branches a position keeps its neighbours: P1 to P3 are counted from the first norm, P4 to P6 from
the last one, so that P6 is before the last weight of a bottleneck as the paper advises, and P7 is
the end.
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


ResidualPosition: TypeAlias = Literal["P0", "P1", "P2", "P3", "P4", "P5", "P6", "P7"]
ResidualStyle: TypeAlias = Literal["pre", "post"]

_UNITS = {"pre": ("bn", "act", "weight"), "post": ("weight", "bn", "act")}

# From which norm a position is counted, the first or the last, and how far it lies behind it.
_GAPS = {"P1": (0, 0), "P2": (0, 1), "P3": (0, 2), "P4": (-1, 0), "P5": (-1, 1), "P6": (-1, 2)}


def branch_order(
    style: ResidualStyle, weights: int, weight: str, position: ResidualPosition, *, noisy: bool
) -> Order:
    """The order of a residual branch, with `drop` at the position unless that is on the trunk.

    Args:
        style: `"pre"` or `"post"` activation.
        weights: How many weights the branch has.
        weight: The token of a weight, `conv` or `linear`.
        position: Where dropout goes.
        noisy: Whether there is dropout at all; the position is checked in any case.

    Raises:
        UsageError: If there is no such style or position, or the branch lacks the position.

    Example:
        >>> branch_order("pre", 2, "conv", "P5", noisy=True)
        Order('bn-act-conv-bn-drop-act-conv')
    """
    _check(style, position)
    tokens = [token for _ in range(weights) for token in _UNITS[style]]
    if style == "post":
        tokens.pop()  # the last activation follows the sum
    if noisy and position in _GAPS:
        norms = [index for index, name in enumerate(tokens) if name == "bn"]
        norm, behind = _GAPS[position]
        tokens.insert(norms[norm] + behind, "drop")
    elif noisy and position == "P7":
        tokens.append("drop")
    return Order("-".join(weight if name == "weight" else name for name in tokens))


def _check(style: str, position: str) -> None:
    """Refuse an unknown style or position, and P6 where no weight follows the last norm."""
    if style not in get_args(ResidualStyle):
        raise UsageError(f"style must be 'pre' or 'post' (activation), not {style!r}")
    if position not in get_args(ResidualPosition):
        raise UsageError(
            f"position must be one of {', '.join(get_args(ResidualPosition))}, not {position!r}; "
            "P5, after the last norm, is what the literature advises"
        )
    if style == "post" and position == "P6":
        raise UsageError(
            "position P6 is between the last activation and the last weight after the last norm, "
            "and no weight follows the last norm of a post-activation branch; use P5 or P7, which "
            "are its end"
        )
