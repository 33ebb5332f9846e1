"""ND201."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from normdrop.lint.rules._mend import ModelMend, SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Kind, Node, Pool, Reshape
from normdrop.values.findings import Finding

if TYPE_CHECKING:
    from normdrop.lint.source import LayerOperation


class BiasBeforeNorm(Rule):
    """A bias is cancelled by the norm layer that follows.

    ## What it does
    Finds weights with a bias whose output goes only to batch or instance norm, directly or through
    max-pooling or average pooling without padding. Layer norm and group norm do not cancel a bias
    per channel, nor does batch norm behind dropout.

    ## Why is this bad?
    The norm subtracts each channel's mean, and the bias with it. The bias takes memory, optimiser
    state and a gradient that is zero but for rounding; β of the norm does its work.

    ## Fix safety
    Outputs stay the same. Stored weights no longer fit unless the bias is subtracted from the
    running mean.

    ## References
    - Ioffe, Szegedy: Batch Normalization, 2015, section 3.2
    """

    words = MODEL_WORDS
    source_mend = SourceMend.LEAVE_OUT_BIAS
    model_mend = ModelMend.FOLD_BIAS
    valid = (
        """
        from torch import nn
        model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8))
        """,
        """
        from torch import nn
        model = nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8))
        """,
        """
        from torch import nn
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8))
        """,
        """
        from torch import nn
        def block(width, bias):
            return nn.Sequential(nn.Linear(width, width, bias=bias), nn.BatchNorm1d(width))
        """,
        """
        from torch import nn
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AvgPool2d(2, 2, 1), nn.BatchNorm2d(8))
        """,
        """
        from torch import nn
        class Generator(nn.Module):
            def __init__(self, width):
                super().__init__()
                self.project = nn.Linear(100, width * 7 * 7)
                self.norm = nn.BatchNorm2d(width)
                self.width = width
            def forward(self, z):
                return self.norm(self.project(z).view(-1, self.width, 7, 7))
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
            """,
            """
            from torch import nn
            model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
            """,
        ),
        Invalid(
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.Conv2D(8, 3), layers.MaxPooling2D(), layers.BatchNormalization(),
            ])
            """,
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.Conv2D(8, 3, use_bias=False), layers.MaxPooling2D(),
                layers.BatchNormalization(),
            ])
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every weight layer all of whose calls lose their bias."""
        layers: dict[str, list[Node]] = {}
        for node in subject.graph.of_kind(Kind.WEIGHT):
            layers.setdefault(node.layer, []).append(node)
        for nodes in layers.values():
            if all("bias" in node.parameters for node in nodes):
                norms = [_cancelling(subject, node) for node in nodes]
                if all(norms):
                    yield self._found(subject, nodes[0], norms[0])

    def _found(self, subject: Subject, weight: Node, norm: Node | None) -> Finding:
        keyword = "use_bias=False" if subject.is_keras(weight) else "bias=False"
        return self.finding(
            f"{subject.describe(norm) if norm else 'The norm'} cancels the bias of "
            f"{subject.describe(weight)}",
            subject.made(weight),
            layers=[weight.layer, norm.layer if norm else ""],
            fix=f"pass {keyword}",
            changes_outputs=False,
            related=[norm.location if norm else None],
        )


def _cancelling(subject: Subject, weight: Node) -> Node | None:
    """The norm that takes away what a weight's bias adds; None if anything else sees it."""
    node, regrouped = weight, False
    while True:
        following = subject.graph.consumers(node)
        if len(following) != 1 or node.id in subject.graph.outputs:
            return None
        node = following[0]
        if node.kind is Kind.NORM:
            return node if _cancels(subject, weight, node, regrouped=regrouped) else None
        if not _keeps_a_constant(node):
            return None
        regrouped = regrouped or (subject.captured is None and _regroups(node))


def _keeps_a_constant(node: Node) -> bool:
    """Whether a constant added before it is added after it too, channel by channel."""
    details = node.details
    if isinstance(details, Reshape):
        return details.how in {"view", "copy"}
    if not isinstance(details, Pool):
        return False
    padded = any(before or after for before, after in details.padding)
    return details.method == "max" or (details.method == "average" and not padded)


def _parts_between(subject: Subject, weight: Node, norm: Node) -> "Iterator[LayerOperation | None]":
    """What the source says of the changes of shape between a weight and a norm."""
    node = weight
    while (node := subject.graph.consumers(node)[0]) is not norm:
        yield subject.part(node)


def _regroups(node: Node) -> bool:
    """Whether source shows a change of shape that may make other channels of the values."""
    return node.operation.lower().startswith(("view", "resh", "unfl", "pixel", "channel_sh"))


def _cancels(subject: Subject, weight: Node, norm: Node, *, regrouped: bool) -> bool:
    """Whether a norm takes each channel's mean away, with channels as the weight counts them."""
    details = norm.norm
    if details is None or details.family not in {"batch", "instance"}:
        return False
    if details.family == "batch" and not details.uses_batch_statistics:
        return False
    if subject.captured is None:
        return _cancels_in_source(subject, weight, norm, regrouped=regrouped)
    if weight.channel_axis is None or norm.channel_axis is None:
        return False
    if norm.shape == weight.shape:
        return norm.channel_axis == weight.channel_axis
    # Flattened channels stay whole when the channel axis is the first of those flattened.
    return weight.channel_axis == 1 and norm.channel_axis == 1


def _cancels_in_source(subject: Subject, weight: Node, norm: Node, *, regrouped: bool) -> bool:
    """The same by the widths and axes that source shows."""
    made, follows = subject.part(weight), subject.part(norm)
    widths = {part.width for part in (made, follows) if part and part.width is not None}
    if len(widths) > 1:
        return False
    if regrouped:
        # As many channels as units, and both counts known: they are the same.
        between = [made, follows, *_parts_between(subject, weight, norm)]
        known = [part.width for part in between if part and part.width is not None]
        if len(known) < 2 or len(set(known)) > 1:  # noqa: PLR2004 - one of each
            return False
    # Keras: an axis that is stated may not be that of the weight's channels.
    return not subject.is_keras(norm) or (norm.norm is not None and norm.norm.axes == (-1,))
