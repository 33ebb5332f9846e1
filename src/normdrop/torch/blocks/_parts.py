"""From an order to layers. A new token has its function in `PARTS`."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence

from torch import nn

from normdrop.errors import OrderError
from normdrop.torch.blocks._layers import (
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
from normdrop.torch.blocks._settings import Settings, Site, Weight, per_dimension
from normdrop.values.order import Order, Role

PARTS: dict[str, Callable[[Site], nn.Module]] = {
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


def build(
    order: Order, in_channels: int, weights: Sequence[Weight], settings: Settings
) -> OrderedDict[str, nn.Module]:
    """The layers of an order, named after their tokens: `conv`, `bn`, ..., `conv2`, `bn2`, ...

    Args:
        order: What to build.
        in_channels: How many channels enter.
        weights: The shape of each weight, in order.
        settings: What all layers share.

    Raises:
        OrderError: If the order does not build in that many dimensions or channels.
        UsageError: If a setting does not fit.
    """
    _check_dimensions(order, settings.dimensions)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    seen: Counter[str] = Counter()
    for site in _sites(order, in_channels, weights, settings):
        name = site.token.name
        seen[name] += 1
        parts[name if seen[name] == 1 else f"{name}{seen[name]}"] = PARTS[name](site)
    return parts


def _sites(
    order: Order, in_channels: int, weights: Sequence[Weight], settings: Settings
) -> list[Site]:
    """Where each layer goes."""
    padded = any(per_dimension("pool_padding", settings.pool_padding, settings.dimensions))
    channels = order.channels(in_channels, [weight.out_channels for weight in weights])
    shapes = iter(zip(weights, order.biases(padded_pool=padded), strict=True))
    sites = []
    for token, entering in zip(order, channels, strict=False):
        if token.role is not Role.WEIGHT:
            sites.append(Site(order, token, entering, settings))
            continue
        weight, needed = next(shapes)
        bias = needed if weight.bias is None else weight.bias
        sites.append(Site(order, token, entering, settings, weight, bias))
    return sites


def _check_dimensions(order: Order, dimensions: int) -> None:
    """Refuse what vectors have no positions for, and linear layers where there are positions."""
    names = {token.name for token in order}
    for name in sorted(names & {"conv", "pool"} if dimensions == 0 else names & {"linear"}):
        advice = (
            "vectors have no positions; use linear, or leave it out"
            if dimensions == 0
            else "a linear layer works on vectors; use conv, or flatten and start another block"
        )
        raise OrderError(f"order {str(order)!r}: {name!r} with dimensions={dimensions}: {advice}")
