"""Networks without a shortcut: stacked convolutions in any order, and perceptrons."""

from torch import nn

from family._parts import ACTIVATION, CONV, NORM, head, noise, pool


def plain(
    order: str,
    activation: str,
    rate: float,
    *,
    kind: str = "element",
    down: str = "max",
    channels: int = 3,
    widths: tuple[int, ...] = (12, 16, 24),
    dims: int = 2,
) -> nn.Sequential:
    """One module of `order` per width, such as `"conv-drop-bn-act-pool"`, and a pooled head."""
    layers: list[nn.Module] = []
    for width in widths:
        stride = 2 if down == "stride" else 1
        parts = {
            "conv": CONV[dims](channels, width, 3, stride=stride, padding=1),
            "bn": NORM[dims](channels if order.startswith(("bn", "drop-bn")) else width),
            "act": ACTIVATION[activation](),
            "drop": noise(kind, rate, dims),
            "pool": pool(down, dims),
        }
        layers += [parts[name] for name in order.split("-")]
        channels = width
    return nn.Sequential(*layers, NORM[dims](channels), nn.ReLU(), head(channels, dims))


def perceptron(
    order: str,
    activation: str,
    rate: float,
    *,
    features: int = 196,
    widths: tuple[int, ...] = (64, 48, 32),
) -> nn.Sequential:
    """Dense layers in an order such as `"linear-bn-act-drop"`, and a classifier."""
    layers: list[nn.Module] = [nn.Flatten()]
    for width in widths:
        parts = {
            "linear": nn.Linear(features, width),
            "bn": nn.BatchNorm1d(width),
            "act": ACTIVATION[activation](),
            "drop": nn.Dropout(rate),
        }
        layers += [parts[name] for name in order.split("-")]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, 10))
