"""ND304."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.shifts.graph import Kind
from normdrop.values.findings import Finding

_DEFAULT = 0.1


class CheckpointedNorm(Rule):
    """A norm layer inside an activation checkpoint updates its statistics twice a step.

    ## What it does
    Finds batch norm layers that `torch.utils.checkpoint` runs: once in the forward pass, and again
    in the backward pass.

    ## Why is this bad?
    Both runs count the same batch into the running statistics, so that it weighs 1 − (1 − m)²
    instead of the momentum m: 19 % instead of 10 %. Statistics follow the newest batches more
    closely than those of a model that is trained without checkpoints.

    ## Fix safety
    Outputs in training stay the same; the running statistics become those of plain training.

    ## References
    - pytorch/pytorch issue 96136
    """

    words = MODEL_WORDS
    severity = "note"
    valid = (
        """
        from torch import nn
        from torch.utils.checkpoint import checkpoint
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.block = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.ReLU())
                self.norm = nn.BatchNorm1d(8)
            def forward(self, x):
                return checkpoint(self.block, self.norm(x), use_reentrant=False)
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            from torch.utils.checkpoint import checkpoint
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.block = nn.Sequential(nn.Conv2d(8, 8, 3, bias=False), nn.BatchNorm2d(8))
                def forward(self, x):
                    return checkpoint(self.block, x, use_reentrant=False).relu()
            """,
            """
            from torch import nn
            from torch.utils.checkpoint import checkpoint
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.conv = nn.Conv2d(8, 8, 3, bias=False)
                    self.norm = nn.BatchNorm2d(8)
                def forward(self, x):
                    return self.norm(checkpoint(self.conv, x, use_reentrant=False)).relu()
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such norm layer."""
        for norm in subject.graph.of_kind(Kind.NORM):
            details = norm.norm
            if details is None or not norm.carries_statistics:
                continue
            if not subject.is_checkpointed(norm):
                continue
            momentum = details.momentum
            known = momentum if momentum is not None and 0 <= momentum <= 1 else _DEFAULT
            twice = 1 - (1 - known) ** 2
            yield self.finding(
                f"{subject.describe(norm)} runs twice a step in a checkpoint: each batch counts "
                f"{twice:.0%} in its statistics instead of {known:.0%}",
                subject.made(norm),
                layers=[norm.layer],
                fix="end the checkpoint before the norm",
                changes_outputs=False,
                related=[norm.location],
            )
