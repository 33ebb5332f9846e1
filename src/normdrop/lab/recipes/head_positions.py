"""Where dropout goes in a network's head: none and the positions H3 to H6 of Kim et al. (2023)."""

from normdrop.lab.metric import GAP, TEST_LOSS
from normdrop.lab.recipe import Network, Panel, Published, Settings, Shape
from normdrop.lab.recipes._residual import SMALL, errors, residual_recipe, three_stage_network


def _network(variant: str, shape: Shape, classes: int, settings: Settings) -> Network:
    from normdrop.lab.networks import dense_network, mobile_network

    silent = variant == "none"
    head = {} if silent else {"dropout": settings["rate"], "position": variant}
    small = settings["scale"] == "small"
    if settings["backbone"] == "dense":
        depth, growth = (10, 8) if small else (100, 12)
        return dense_network(shape, classes, depth=depth, growth=growth, head=head)
    if settings["backbone"] == "mobile":
        if small:
            return mobile_network(
                shape, classes, stem=8, widths=(8, 16), blocks=1, expansion=4, hidden=64, head=head
            )
        return mobile_network(
            shape, classes, stem=32, widths=(24, 64, 160), blocks=3, hidden=1280, head=head
        )
    return three_stage_network(shape, classes, settings, head=head)


def _errors(none: float, before: float, after: float) -> Published:
    """Of accuracies in % with no dropout, with dropout before the pooling, and after it."""
    return errors({"none": none, "H4": before, "H5": after})


RECIPE = residual_recipe(
    name="head-positions",
    version=1,
    title="Positions of dropout in the head",
    question="Where between the last norm and softmax does dropout go, if anywhere?",
    source="Kim et al., How to Use Dropout Correctly on Residual Networks, UAI 2023",
    variants=("none", "H3", "H4", "H5", "H6"),
    baseline="none",
    seeds=8,
    settings={**SMALL, "rate": 0.2, "backbone": "residual"},
    network=_network,
    metrics=(TEST_LOSS, GAP),
    panels={
        "residual": Panel(published=_errors(78.83, 78.93, 78.55)),
        "mobile": Panel(settings={"backbone": "mobile"}, published=_errors(75.71, 75.82, 75.72)),
        "dense": Panel(settings={"backbone": "dense"}, published=_errors(79.07, 79.15, 79.04)),
    },
    published_label="ImageNet, mean of 3 runs; ResNet-50, MobileNetV2-1.4, DenseNet-169",
    notes=(
        (
            "H3 is before the last activation, H4 between it and the global average pooling, H5 "
            "between that and the linear layer, H6 before softmax. ReLU and dropout commute: H3 "
            "and H4 are one operation, and with equal seeds they give equal numbers."
        ),
        (
            "The small setting trains a residual network of 8 layers, a DenseNet-BC of 10 layers "
            "and growth 8, and two inverted residuals with 64 channels in their head, on 8×8 "
            "digits for 4 epochs at dropout rate 0.2. --paper trains on CIFAR-10, as ImageNet is "
            "not to be had: PreResNet-50, DenseNet-BC-100-12 and nine inverted residuals."
        ),
    ),
)
