"""`act`: activations by name, class or function."""

from torch import nn

from normdrop.errors import UsageError
from normdrop.torch.blocks._settings import Activation, Settings, Site
from normdrop.values import operations
from normdrop.values.order import ACTIVATIONS

LAYERS: dict[str, type[nn.Module]] = {
    name: getattr(nn, operations.ACTIVATIONS[name].module) for name in ACTIVATIONS
}


def activation(site: Site) -> nn.Module:
    """The activation the token names, or the block's."""
    argument = site.token.argument
    chosen = argument if isinstance(argument, str) else site.settings.activation
    return make_activation(chosen, site.settings)


def make_activation(activation: Activation, settings: Settings) -> nn.Module:
    """A new activation layer, its parameters, if it has any, where the block's are.

    Raises:
        UsageError: If it is an unknown name, a layer instead of what makes one, or makes no layer.
    """
    make = _by_name(activation) if isinstance(activation, str) else activation
    if isinstance(make, nn.Module) or not callable(make):
        raise UsageError(
            f"activation={activation!r} must be a name, a class or a function that makes a layer, "
            "because every place needs its own; for instance activation=torch.nn.ReLU"
        )
    layer = make()
    if not isinstance(layer, nn.Module):
        raise UsageError(f"activation={activation!r} makes {layer!r}, which is no torch.nn.Module")
    # Only some activations take a device; moving serves all.
    return layer.to(**settings.factory)


def _by_name(name: str) -> type[nn.Module]:
    """The class of a named activation."""
    if name not in LAYERS:
        raise UsageError(
            f"activation={name!r} is unknown; the names are {', '.join(ACTIVATIONS)}; "
            "any other is given as its class"
        )
    return LAYERS[name]
