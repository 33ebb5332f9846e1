"""`bn`, `gn` and `ln`."""

from torch import Tensor, nn

from normdrop.torch.blocks._settings import Site
from normdrop.values.order import group_count

_BATCH_NORM = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class ChannelLayerNorm(nn.LayerNorm):
    """Layer norm over the channels of `(N, C, ...)`, at each position on its own."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalised `x`, of its shape."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def batch_norm(site: Site) -> nn.Module:
    """Batch norm over the batch and all positions."""
    settings = site.settings
    return _BATCH_NORM[settings.dimensions](
        site.channels,
        eps=settings.eps,
        momentum=settings.momentum,
        affine=settings.affine,
        **settings.factory,
    )


def group_norm(site: Site) -> nn.Module:
    """Group norm.

    Raises:
        OrderError: If the number of groups does not divide the channels.
    """
    groups = group_count(site.order, site.token, site.channels)
    settings = site.settings
    return nn.GroupNorm(
        groups, site.channels, eps=settings.eps, affine=settings.affine, **settings.factory
    )


def layer_norm(site: Site) -> nn.Module:
    """Layer norm over the channels."""
    settings = site.settings
    return ChannelLayerNorm(
        site.channels, eps=settings.eps, elementwise_affine=settings.affine, **settings.factory
    )
