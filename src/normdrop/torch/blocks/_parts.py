"""From sites to layers. A new token has its function in `PARTS`."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from torch import nn

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
from normdrop.torch.blocks._settings import Site

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


def build(sites: Iterable[Site]) -> OrderedDict[str, nn.Module]:
    """A layer for each site, by its name.

    Raises:
        OrderError: If an order does not build in that many channels.
        UsageError: If a setting does not fit.
    """
    return OrderedDict((site.name, PARTS[site.token.name](site)) for site in sites)
