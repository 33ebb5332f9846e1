"""ND207."""

from collections.abc import Iterator

from normdrop.lint.rules._mend import SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Kind
from normdrop.values.findings import Finding


class BatchStatisticsInEval(Rule):
    """A batch norm layer keeps no running statistics.

    ## What it does
    Finds batch norm layers with `track_running_stats=False`, and in a captured model every batch
    norm without running statistics, be it a layer or a function.

    ## Why is this bad?
    A prediction depends on who else is in the batch, and a batch of one sample is normalised by
    itself. What is measured on a shuffled test set is not what a single request gets.

    ## Fix safety
    Outputs in evaluation change; the running statistics must be estimated.

    ## References
    - pytorch/pytorch issues 4741 and 5406
    """

    words = MODEL_WORDS
    source_mend = SourceMend.LEAVE_OUT_ARGUMENT
    valid = (
        """
        from torch import nn
        model = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU())
        """,
        """
        from torch import nn
        model = nn.Sequential(nn.InstanceNorm2d(8), nn.ReLU())
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            model = nn.Sequential(nn.BatchNorm2d(8, track_running_stats=False), nn.ReLU())
            """,
            """
            from torch import nn
            model = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU())
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such norm."""
        captured = subject.captured
        graph = captured.eval if captured else subject.graph
        for norm in graph.of_kind(Kind.NORM):
            details = norm.norm
            if details is None or details.family != "batch":
                continue
            if not details.carries_statistics:
                yield self.finding(
                    f"{subject.describe(norm)} normalises by the batch at hand in evaluation too",
                    subject.made(norm),
                    layers=[norm.layer],
                    fix="keep running statistics: leave out track_running_stats=False",
                )
