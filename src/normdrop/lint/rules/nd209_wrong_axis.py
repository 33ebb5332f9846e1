"""ND209."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Kind, Node, Reshape, Weight
from normdrop.values.findings import Finding

_ELEMENTWISE = {Kind.ACTIVATION, Kind.NOISE}
_LAST = -1


class WrongAxis(Rule):
    """A batch norm layer takes another axis for the channels than the weight before it.

    ## What it does
    Follows the channels of a linear layer or convolution to the batch norm behind it, through
    activations, dropout and permutations, and compares the axes. In source it needs both axes
    stated, or widths that cannot belong together.

    ## Why is this bad?
    The norm then has one mean and variance per position or per row instead of one per feature: its
    parameters fit one input size only, and features of different scales are normalised as one.

    ## Fix safety
    The network computes something else; train again.

    ## References
    - Keras documentation of `BatchNormalization`: `axis=1` after a convolution with
      `data_format="channels_first"`
    - PyTorch documentation of `torch.nn.BatchNorm1d`, whose channels are axis 1 of (N, C, L)
    """

    words = MODEL_WORDS
    valid = (
        """
        from keras import Sequential, backend, layers
        axis = 1 if backend.image_data_format() == "channels_first" else -1
        model = Sequential([
            layers.Conv2D(8, 3, use_bias=False), layers.BatchNormalization(axis=axis),
            layers.ReLU(),
        ])
        """,
        """
        from torch import nn
        model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU())
        """,
        """
        from torch import nn
        def block(width, other):
            return nn.Sequential(nn.Linear(8, width, bias=False), nn.BatchNorm1d(other))
        """,
    )
    invalid = (
        Invalid(
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.Conv2D(8, 3, data_format="channels_first", use_bias=False),
                layers.BatchNormalization(), layers.ReLU(),
            ])
            """,
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.Conv2D(8, 3, data_format="channels_first", use_bias=False),
                layers.BatchNormalization(axis=1), layers.ReLU(),
            ])
            """,
        ),
        Invalid(
            """
            from torch import nn
            # 20 tokens of 16 features
            model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(20), nn.ReLU())
            """,
            """
            from torch import nn
            # 20 tokens of 16 features
            model = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU())
            """,
        ),
        Invalid(
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.Conv2D(8, 3, use_bias=False), layers.BatchNormalization(axis=1),
                layers.ReLU(),
            ])
            """,
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.Conv2D(8, 3, use_bias=False), layers.BatchNormalization(),
                layers.ReLU(),
            ])
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such norm layer."""
        for norm in subject.graph.of_kind(Kind.NORM):
            if norm.norm is None or norm.norm.family != "batch":
                continue
            found = _stated(subject, norm) if subject.captured is None else _captured(subject, norm)
            if found is not None:
                weight, axes = found
                yield self.finding(
                    f"{subject.describe(norm)} normalises {axes} of {subject.describe(weight)}",
                    subject.made(norm),
                    layers=[norm.layer, weight.layer],
                    fix="normalise the axis that holds the channels",
                    related=[weight.location],
                )


def _captured(subject: Subject, norm: Node) -> tuple[Node, str] | None:
    """The weight whose channels lie on another axis than the norm's, if there is one."""
    axis = norm.channel_axis
    node = norm
    while axis is not None:
        sources = subject.graph.sources(node)
        if len(sources) != 1:
            return None
        node = sources[0]
        if node.kind is Kind.WEIGHT:
            if node.channel_axis is None or node.channel_axis == axis:
                return None
            return node, f"axis {norm.channel_axis}, not the channels,"
        details = node.details
        if isinstance(details, Reshape):
            axis = details.permutation[axis] if details.how == "permute" else None
        elif node.kind not in _ELEMENTWISE:
            return None
    return None


def _stated(subject: Subject, norm: Node) -> tuple[Node, str] | None:
    """The same of source, where both axes are stated or the widths cannot belong together."""
    before = subject.graph.sources(norm)
    while len(before) == 1 and before[0].kind in _ELEMENTWISE:
        before = subject.graph.sources(before[0])
    details = before[0].details if len(before) == 1 else None
    if not isinstance(details, Weight) or norm.norm is None:
        return None
    weight, made, follows = before[0], subject.part(before[0]), subject.part(norm)
    if made is None or follows is None:
        return None
    if subject.is_keras(norm):
        if made.axis is None or len(norm.norm.axes) != 1:
            return None
        (axis,) = norm.norm.axes
        wrong = (axis in _last_axes(weight)) != (made.axis == _LAST)
        return (weight, f"axis {axis}, not the channels,") if wrong else None
    differ = None not in {made.width, follows.width} and made.width != follows.width
    if details.family == "linear" and norm.operation == "BatchNorm1d" and differ:
        return weight, f"{follows.width} positions, not the {made.width} features,"
    return None


def _last_axes(weight: Node) -> set[int]:
    """The names of a convolution's last axis: that of `Conv2D` is 3, or -1."""
    rank = next((int(sign) for sign in weight.operation if sign.isdigit()), 0)
    return {_LAST, rank + 1}
