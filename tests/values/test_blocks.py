"""What blocks are made of, before a framework makes it."""

from collections.abc import Callable

import pytest

from normdrop.errors import NormdropError
from normdrop.values.blocks import (
    BlockSettings,
    HeadPlan,
    ResidualPlan,
    Site,
    WeightShape,
    block_dimensions,
    block_weights,
    check_count,
    per_dimension,
    residual_stride,
    sites,
)
from normdrop.values.order import Order, ResidualPosition

IMAGES = BlockSettings(dimensions=2)
VECTORS = BlockSettings(dimensions=0)


def shown(found: list[Site[BlockSettings]]) -> list[str]:
    """Each site as its name and channels: those that enter, and of a weight those that leave."""
    return [
        f"{site.name} {site.channels}"
        + (f" > {site.weight.out_channels}{' + b' * site.bias}" if "conv" in site.name else "")
        for site in found
    ]


def test_names_channels_and_biases() -> None:
    """A repeated token has its number; a bias stands where no batch norm takes it away again."""
    order = Order("bn-act-conv-bn-act-conv")
    weights = block_weights(order, WeightShape(8, 3, 2))
    assert [weight.stride for weight in weights] == [2, 1]
    found = sites(order, 4, weights, IMAGES, prefix="my_")
    assert shown(found) == [
        *("my_bn 4", "my_act 4", "my_conv 4 > 8"),
        *("my_bn2 8", "my_act2 8", "my_conv2 8 > 8 + b"),
    ]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("bias", [None, False, True])
def test_a_stated_bias_counts_more_than_the_order(padded: bool, bias: bool | None) -> None:  # noqa: FBT001 - a case
    """Padded average pooling lets a bias matter; what the caller says stands above that."""
    order, weight = Order("conv-pool(avg)-bn"), WeightShape(4, 3, bias=bias)
    site, *_ = sites(order, 4, [weight], IMAGES, padded_pool=padded)
    assert site.bias is (padded if bias is None else bias)


@pytest.mark.parametrize(("text", "dimensions"), [("linear-bn", 0), ("conv-bn", 2), ("drop", 2)])
def test_dimensions_follow_from_the_order(text: str, dimensions: int) -> None:
    """An order with `linear` works on vectors, all others on images unless told."""
    assert block_dimensions(Order(text), None) == dimensions
    assert block_dimensions(Order(text), 1) == 1


@pytest.mark.parametrize("noisy", [False, True])
def test_head(noisy: bool) -> None:  # noqa: FBT001 - a case
    """What stands before the pooling works on positions, what follows it on vectors."""
    plan = HeadPlan(
        classes=10,
        hidden=None,
        norm=True,
        activation=True,
        noisy=noisy,
        position="before-pool",
        dimensions=2,
    )
    before, after = plan.before_pool(8, IMAGES), plan.after_pool(8, VECTORS)
    assert [site.name for site in before] == ["bn", "act", *["drop"] * noisy]
    assert [(site.name, site.channels, site.weight.out_channels) for site in after] == [
        ("linear", 8, 10)
    ]


def residual(position: ResidualPosition = "P5", *, bottleneck: bool | int = False) -> ResidualPlan:
    """A residual block with dropout."""
    return ResidualPlan(
        style="pre",
        position=position,
        bottleneck=bottleneck,
        noisy=True,
        dimensions=2,
        channels_word="out_channels",
    )


def test_residual_shortcut_stands_where_the_shape_changes() -> None:
    """Other channels or a stride need a projection, the same shape none."""
    plan = residual()
    for channels, stride, number in (
        (8, 1, 0),
        (8, (1, 1), 0),
        (4, 1, 1),
        (8, 2, 1),
        (8, (1, 2), 1),
    ):
        assert len(plan.shortcut(channels, WeightShape(8, 3, stride), IMAGES)) == number


def test_residual_branch() -> None:
    """Only the first convolution of `kernel_size` has the stride; P0 is on the trunk."""
    wide = WeightShape(16, 3, 2, groups=2)
    basic = [site.weight for site in residual().branch(8, wide, IMAGES) if "conv" in site.name]
    assert [(w.kernel_size, w.stride, w.groups) for w in basic] == [(3, 2, 2), (3, 1, 2)]
    found = residual(bottleneck=True).branch(8, wide, IMAGES)
    inner = [site.weight for site in found if "conv" in site.name]
    assert [(w.kernel_size, w.stride, w.groups, w.out_channels) for w in inner] == [
        *((1, 1, 1, 4), (3, 2, 2, 4), (1, 1, 1, 16)),
    ]
    assert [residual(position).on_trunk for position in ("P0", "P1")] == [True, False]
    assert "drop" not in str(residual("P0").order)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: check_count("classes", 0), "classes must be a whole number of at least 1, not 0"),
        (lambda: check_count("classes", count=True), "not True"),
        (
            lambda: BlockSettings(dimensions=2, along="row"),  # type: ignore[arg-type]
            "along is 'element', 'channel' or 'sample'",
        ),
        (lambda: per_dimension("stride", (1, 2), 3), "2 numbers for 3 dimensions; give one number"),
        (lambda: residual_stride("stride", 2, 0), "vectors have no positions to skip"),
        (lambda: residual_stride("stride", 2, 4), "dimensions must be 1, 2 or 3"),
        (lambda: block_dimensions(Order("conv"), 4), "dimensions must be 1, 2 or 3"),
        (lambda: sites(Order("conv"), 3, [WeightShape(4)], VECTORS), "use linear"),
        (lambda: sites(Order("linear"), 3, [WeightShape(4)], IMAGES), "use conv"),
        (lambda: sites(Order("conv"), 3, [WeightShape(4, groups=2)], IMAGES), "groups=2 does not"),
        (lambda: sites(Order("conv"), 4, [WeightShape(6, groups=4)], IMAGES), "the 6 channels"),
        (lambda: residual(bottleneck=0).branch(8, WeightShape(8), IMAGES), "bottleneck must be"),
        (lambda: residual(bottleneck=True).branch(8, WeightShape(6), IMAGES), "its out_channels"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[], object], words: str) -> None:
    """Each refusal names what was given and what to give."""
    with pytest.raises(NormdropError) as caught:
        call()
    assert words in str(caught.value)
