"""ND211."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Rule
from normdrop.lint.rules._subject import Subject
from normdrop.shifts.graph import Kind
from normdrop.values.findings import Finding


class DeadStatistics(Rule):
    """A norm layer's running statistics hold nan, infinity or a negative variance.

    ## What it does
    Reads the running statistics of a captured model.

    ## Why is this bad?
    Every prediction that passes the layer is nan, or is divided by something that is no deviation.
    One batch of bad data in training is enough: a running average never forgets a nan.

    ## Example
    ```python
    model(torch.full((4, 3, 8, 8), float("nan")))  # in train mode
    ```

    ## Use instead
    ```python
    norm.reset_running_stats()  # and pass clean batches through the model in train mode
    ```

    ## Fix safety
    Outputs in evaluation change: they become numbers.

    ## References
    - Ioffe, Szegedy: Batch Normalization, 2015, on population statistics
    """

    words = ()
    severity = "error"

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every layer."""
        if subject.captured is None:
            return
        import numpy as np

        seen = set()
        for norm in subject.graph.of_kind(Kind.NORM):
            if not norm.carries_statistics or norm.layer in seen:
                continue
            seen.add(norm.layer)
            mean, variance = (norm.parameters.get(f"running_{each}") for each in ("mean", "var"))
            if mean is None or variance is None:
                continue
            values = variance.read()
            bad = ~np.isfinite(mean.read()) | ~np.isfinite(values) | (values < 0)
            if bad.any():
                yield self.finding(
                    f"{subject.describe(norm)} stores no valid statistics in {int(bad.sum())} of "
                    f"{bad.size} channels",
                    norm.location,
                    layers=[norm.layer],
                    fix="reset its statistics and re-estimate them",
                )
