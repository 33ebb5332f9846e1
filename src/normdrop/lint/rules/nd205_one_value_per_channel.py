"""ND205."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Kind, Node, Weight
from normdrop.values.findings import Finding

_ONE_BY_ONE = {Kind.ACTIVATION, Kind.NOISE}


class OneValuePerChannel(Rule):
    """A batch norm layer sees maps of a single position.

    ## What it does
    Finds batch norm of feature maps behind global pooling, where each sample has one value per
    channel.

    ## Why is this bad?
    The statistics of a batch are those of as many values as there are samples. A batch of one, or
    a last batch of one, has no variance: PyTorch raises "Expected more than 1 value per channel
    when training", and other frameworks put out β whatever the input is. Two or four samples a
    device, as segmentation networks are trained with, give statistics that evaluation never meets.

    ## Fix safety
    The network computes something else; train again.

    ## References
    - pytorch/pytorch issue 4534, meetshah1995/pytorch-semseg issue 214, thangvubk/ISBNet issue 12
    """

    words = MODEL_WORDS
    severity = "note"
    valid = (
        """
        from torch import nn
        model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8))
        """,
        """
        from torch import nn
        model = nn.Sequential(
            nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(),
        )
        """,
        """
        from torch import nn
        model = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.BatchNorm2d(8))
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            pooled = nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1, bias=False), nn.BatchNorm2d(4),
                nn.ReLU(),
            )
            """,
            """
            from torch import nn
            pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU())
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such norm layer."""
        for norm in subject.graph.of_kind(Kind.NORM):
            details = norm.norm
            if details is None or details.family != "batch" or not details.uses_batch_statistics:
                continue
            single = (
                _behind_global_pool(subject, norm) if subject.captured is None else _single(norm)
            )
            if single:
                yield self.finding(
                    f"{subject.describe(norm)} sees one value per channel and sample: a batch of "
                    "one has no variance",
                    subject.made(norm),
                    layers=[norm.layer],
                    fix="leave the norm out behind global pooling, or use one of each sample's own "
                    "statistics",
                )


def _single(norm: Node) -> bool:
    """Whether a captured norm sees maps, all of one position; vectors are no maps."""
    spatial = norm.shape[2:]
    return norm.channel_axis == 1 and bool(spatial) and all(extent == 1 for extent in spatial)


def _behind_global_pool(subject: Subject, norm: Node) -> bool:
    """Whether source shows global pooling with nothing behind it that widens the maps."""
    if norm.operation not in {"BatchNorm2d", "BatchNorm3d"}:
        return False
    before = subject.graph.sources(norm)
    while len(before) == 1 and _keeps_single(before[0]):
        before = subject.graph.sources(before[0])
    return len(before) == 1 and subject.pools_everything(before[0])


def _keeps_single(node: Node) -> bool:
    if isinstance(node.details, Weight):
        return node.details.family == "convolution" and set(node.details.kernel) == {1}
    return node.kind in _ONE_BY_ONE
