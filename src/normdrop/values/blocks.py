"""Which layers a block, a head or a residual block is made of, before a framework makes them.

Orders and arguments become a list of sites, one for each layer: its token, name and channels, and
for a weight its shape and whether it has a bias. `normdrop.torch` and `normdrop.keras` make a layer
of each site.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeAlias, TypeVar

from normdrop.errors import OrderError, UsageError
from normdrop.values.noise import Along, check_along
from normdrop.values.order import (
    HeadPosition,
    Order,
    ResidualPosition,
    ResidualStyle,
    Role,
    Token,
    branch_order,
    head_orders,
)

Size: TypeAlias = int | Sequence[int]
Padding: TypeAlias = Size | Literal["same", "valid"]


@dataclass(frozen=True, kw_only=True)
class BlockSettings:
    """What every layer of a block shares in any framework.

    Attributes:
        dimensions: Axes of positions; 0 means vectors, without positions.
        beta: Of uniform noise.
        along: What shares one value of the noise; a wrong word is refused also where no layer of
            the block takes it.
        affine: Whether norms have a scale and a shift.
    """

    dimensions: int
    beta: float = 0.1
    along: Along = "element"
    affine: bool = True

    def __post_init__(self) -> None:
        """Refuse a wrong word."""
        check_along(self.along)


SettingsT = TypeVar("SettingsT", bound=BlockSettings)


@dataclass(frozen=True)
class WeightShape:
    """The shape of one weight; a linear layer has only `out_channels` and `bias`.

    A `bias` of none leaves the choice to the weight's position in the order.
    """

    out_channels: int
    kernel_size: Size = 1
    stride: Size = 1
    padding: Padding = "same"
    dilation: Size = 1
    groups: int = 1
    bias: bool | None = None


@dataclass(frozen=True)
class Site(Generic[SettingsT]):
    """The place in a block where one layer goes.

    Attributes:
        order: The block's order, for error messages.
        token: What to build.
        name: The layer's name.
        channels: How many channels enter.
        settings: What every layer of the block shares.
        weight: The weight's shape, where the token is a weight.
        bias: Whether that weight has a bias.
    """

    order: Order
    token: Token
    name: str
    channels: int
    settings: SettingsT
    weight: WeightShape = WeightShape(1)
    bias: bool = True


def sites(
    order: Order,
    in_channels: int,
    weights: Sequence[WeightShape],
    settings: SettingsT,
    *,
    padded_pool: bool = False,
    prefix: str = "",
) -> list[Site[SettingsT]]:
    """Where each layer of an order goes, named after its token: `conv`, `bn`, ..., `conv2`, `bn2`.

    Args:
        order: What to build.
        in_channels: How many channels enter.
        weights: The shape of each weight, in order.
        settings: What all layers share.
        padded_pool: Whether average pooling counts padded zeros, which a bias before it changes.
        prefix: What the names begin with.

    Raises:
        OrderError: If the order does not build in that many dimensions.
        UsageError: If groups do not divide the channels of a convolution.
    """
    check_order(order, settings.dimensions)
    entering = order.channels(in_channels, [weight.out_channels for weight in weights])
    shapes = iter(zip(weights, order.biases(padded_pool=padded_pool), strict=True))
    seen: Counter[str] = Counter()
    found = []
    for token, channels in zip(order, entering, strict=False):
        seen[token.name] += 1
        number = "" if seen[token.name] == 1 else seen[token.name]
        site = Site(order, token, f"{prefix}{token.name}{number}", channels, settings)
        if token.role is Role.WEIGHT:
            weight, needed = next(shapes)
            if settings.dimensions:
                _check_groups(weight, channels)
            bias = needed if weight.bias is None else weight.bias
            site = replace(site, weight=weight, bias=bias)
        found.append(site)
    return found


def block_dimensions(order: Order, dimensions: int | None) -> int:
    """How many axes of positions a block works on; an order with `linear` works on vectors.

    Raises:
        UsageError: If it is none of 0, 1, 2, 3.
    """
    if dimensions is None:
        return 0 if any(token.name == "linear" for token in order) else 2
    return check_dimensions(dimensions)


def block_weights(order: Order, first: WeightShape) -> list[WeightShape]:
    """The shape of each weight of a block: only the first one has a stride."""
    count = sum(token.role is Role.WEIGHT for token in order)
    return [first, *[replace(first, stride=1)] * (count - 1)][:count]


@dataclass(frozen=True, kw_only=True)
class HeadPlan:
    """A head before and after its global average pooling, from the arguments of `Head`.

    Raises:
        UsageError: If an argument does not fit.
    """

    classes: int
    hidden: int | None
    norm: bool
    activation: bool
    noisy: bool
    position: HeadPosition
    dimensions: int

    def __post_init__(self) -> None:
        """Refuse what is no head."""
        check_count("classes", self.classes)
        if self.hidden is not None:
            check_count("hidden", self.hidden)
        if self.dimensions not in {1, 2, 3}:
            raise UsageError(
                f"dimensions must be 1, 2 or 3, not {self.dimensions!r}; vectors need no pooling, "
                "so Block('drop-linear', ...) is their head"
            )
        self._orders()

    def before_pool(self, in_channels: int, settings: SettingsT) -> list[Site[SettingsT]]:
        """The layers before the pooling."""
        order, _ = self._orders()
        weights = [] if self.hidden is None else [WeightShape(self.hidden)]
        return [] if order is None else sites(order, in_channels, weights, settings)

    def after_pool(self, in_channels: int, settings: SettingsT) -> list[Site[SettingsT]]:
        """The layers after the pooling, by settings of vectors."""
        _, order = self._orders()
        return sites(order, self.hidden or in_channels, [WeightShape(self.classes)], settings)

    def _orders(self) -> tuple[Order | None, Order]:
        return head_orders(
            conv=self.hidden is not None,
            norm=self.norm,
            activation=self.activation,
            position=self.position,
            noisy=self.noisy,
        )


@dataclass(frozen=True, kw_only=True)
class ResidualPlan:
    """The branch and the shortcut of a residual block, from the arguments of `ResidualBlock`.

    Attributes:
        channels_word: What the framework calls the channels of the output.
        order: The branch.

    Raises:
        UsageError: If there is no such style or position.
    """

    style: ResidualStyle
    position: ResidualPosition
    bottleneck: bool | int
    noisy: bool
    dimensions: int
    channels_word: str
    order: Order = field(init=False)

    def __post_init__(self) -> None:
        """Put the branch in order."""
        count = 2 if self.bottleneck is False else 3
        order = branch_order(self.style, count, self._token, self.position, noisy=self.noisy)
        object.__setattr__(self, "order", order)

    @property
    def on_trunk(self) -> bool:
        """Whether there is noise before branch and shortcut split."""
        return self.noisy and self.position == "P0"

    def branch(
        self, in_channels: int, wide: WeightShape, settings: SettingsT
    ) -> list[Site[SettingsT]]:
        """The layers of the branch.

        Args:
            in_channels: How many channels enter.
            wide: Its weight of `kernel_size` and with the stride, as wide as the output.
            settings: What all layers share.

        Raises:
            UsageError: If there is no such width inside.
        """
        basic = [wide, replace(wide, stride=1)]
        weights = basic if self.bottleneck is False else self._bottleneck(wide)
        return sites(self.order, in_channels, weights, settings)

    def shortcut(
        self, in_channels: int, wide: WeightShape, settings: SettingsT, *, prefix: str = ""
    ) -> list[Site[SettingsT]]:
        """The layers of the shortcut; none where the trunk passes as it is."""
        steps = [wide.stride] if isinstance(wide.stride, int) else wide.stride
        if in_channels == wide.out_channels and all(step == 1 for step in steps):
            return []
        order = Order(self._token if self.style == "pre" else f"{self._token}-bn")
        # A norm or the branch's last bias makes one of the shortcut's own superfluous.
        weight = WeightShape(wide.out_channels, stride=wide.stride, bias=False)
        return sites(order, in_channels, [weight], settings, prefix=prefix)

    @property
    def _token(self) -> str:
        return "conv" if self.dimensions else "linear"

    def _bottleneck(self, wide: WeightShape) -> list[WeightShape]:
        """Three weights, the one in the middle with the stride; `True` inside is a quarter."""
        inside = self.bottleneck
        if inside is True:
            if wide.out_channels % 4:
                raise UsageError(
                    f"a bottleneck has a quarter of its {self.channels_word} inside, and "
                    f"{wide.out_channels} is no multiple of 4: give their number, bottleneck=..."
                )
            inside = wide.out_channels // 4
        narrow = check_count("bottleneck", inside)
        one = replace(wide, kernel_size=1, stride=1, dilation=1, groups=1)
        return [replace(one, out_channels=narrow), replace(wide, out_channels=narrow), one]


def residual_stride(name: str, stride: Size, dimensions: int) -> tuple[int, ...]:
    """The stride of a residual block as one number per dimension.

    Raises:
        UsageError: If vectors are to skip positions, or it is a sequence of another length.
    """
    if check_dimensions(dimensions) == 0 and stride != 1:
        raise UsageError(f"{name}={stride!r} with dimensions=0: vectors have no positions to skip")
    return per_dimension(name, stride, dimensions)


def per_dimension(name: str, size: Size, dimensions: int) -> tuple[int, ...]:
    """A size as one number per dimension.

    Raises:
        UsageError: If it is a sequence of another length.
    """
    if isinstance(size, int):
        return (size,) * dimensions
    if len(size) != dimensions:
        raise UsageError(
            f"{name}={size!r} has {len(size)} numbers for {dimensions} dimensions; "
            f"give one number, or {dimensions}"
        )
    return tuple(size)


def check_count(name: str, count: int) -> int:
    """A number of channels, checked.

    Raises:
        UsageError: If it is not a whole number of at least 1.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise UsageError(f"{name} must be a whole number of at least 1, not {count!r}")
    return count


def check_dimensions(dimensions: int) -> int:
    """A number of axes of positions, checked.

    Raises:
        UsageError: If it is none of 0, 1, 2, 3.
    """
    if dimensions not in {0, 1, 2, 3}:
        raise UsageError(f"dimensions must be 1, 2 or 3, or 0 for vectors, not {dimensions!r}")
    return dimensions


def check_order(order: Order, dimensions: int) -> None:
    """Refuse what vectors have no positions for, and linear layers where there are positions.

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


def _check_groups(weight: WeightShape, in_channels: int) -> None:
    """Refuse groups that do not divide both channel counts of a convolution."""
    for channels in (in_channels, weight.out_channels):
        if weight.groups < 1 or channels % weight.groups:
            raise UsageError(
                f"groups={weight.groups} does not divide the {channels} channels of a convolution"
            )
