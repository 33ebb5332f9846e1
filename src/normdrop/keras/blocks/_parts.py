"""From an order to layers. A new token has its function in `PARTS`."""

from collections import Counter
from collections.abc import Callable, Sequence

import keras

from normdrop.errors import OrderError
from normdrop.keras.blocks._layers import (
    OWN_NOISES,
    activation,
    batch_norm,
    conv,
    drop,
    group_norm,
    layer_norm,
    linear,
    pool,
)
from normdrop.keras.blocks._settings import Settings, Site, Weight
from normdrop.values.order import Order, Role

PARTS: dict[str, Callable[[Site], keras.layers.Layer]] = {
    "conv": conv,
    "linear": linear,
    "bn": batch_norm,
    "gn": group_norm,
    "ln": layer_norm,
    "act": activation,
    "drop": drop,
    **OWN_NOISES,
    "pool": pool,
}
_NO_WEIGHT = Weight(None)


def build(
    order: Order,
    channels: int,
    weights: Sequence[Weight],
    settings: Settings,
    *,
    prefix: str = "",
) -> list[keras.layers.Layer]:
    """The layers of an order, named after their tokens: `conv`, `bn`, ..., `conv2`, `bn2`, ...

    Args:
        order: What to build.
        channels: How many channels enter.
        weights: The shape of each weight, in order.
        settings: What all layers share.
        prefix: What their names begin with; no two variables of a layer may have one path.

    Raises:
        OrderError: If the order does not build in that many dimensions or channels.
        UsageError: If a setting does not fit.
    """
    check_order(order, settings.dimensions)
    leaving = [weight.filters or channels for weight in weights]
    entering = order.channels(channels, leaving)
    shapes = iter(zip(weights, order.biases(), strict=True))
    seen: Counter[str] = Counter()
    layers = []
    for token, count in zip(order, entering, strict=False):
        weight, needed = next(shapes) if token.role is Role.WEIGHT else (_NO_WEIGHT, False)
        use_bias = needed if weight.use_bias is None else weight.use_bias
        seen[token.name] += 1
        name = (
            prefix + token.name
            if seen[token.name] == 1
            else f"{prefix}{token.name}{seen[token.name]}"
        )
        site = Site(order, token, count, settings, weight, use_bias, name)
        layers.append(PARTS[token.name](site))
    return layers


def check_order(order: Order, dimensions: int) -> None:
    """Refuse what vectors have no positions for, and dense layers where there are positions.

    Raises:
        OrderError: One of these.
    """
    names = {token.name for token in order}
    for name in sorted(names & {"conv", "pool"} if dimensions == 0 else names & {"linear"}):
        advice = (
            "vectors have no positions; use linear, or leave it out"
            if dimensions == 0
            else "a linear layer works on vectors; use conv, or flatten and start another block"
        )
        raise OrderError(f"order {str(order)!r}: {name!r} with dimensions={dimensions}: {advice}")
