"""ND212."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Rule
from normdrop.lint.rules._subject import Subject
from normdrop.values.findings import Finding


class NormOnOutput(Rule):
    """A batch norm layer is the last thing a network does.

    ## What it does
    Finds batch norm layers with running statistics whose output a captured model returns.

    ## Why is this bad?
    The norm gives every output the same mean and variance over the batch, but for γ and β: a
    regression cannot say how large a value is, a classifier not how sure it is. It is an opinion:
    networks that yield features for others, such as face embeddings, end so on purpose.

    ## Example
    ```python
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2), nn.BatchNorm1d(2))
    ```

    ## Use instead
    ```python
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    ```

    ## Fix safety
    Outputs change; train again.

    ## References
    - Ioffe, Szegedy: Batch Normalization, 2015, which normalises before hidden nonlinearities only
    """

    words = ()
    severity = "note"
    opinion = True

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such norm of a captured model."""
        if subject.captured is None:
            return
        for output in subject.graph.outputs:
            norm = subject.graph[output]
            if norm.carries_statistics:
                yield self.finding(
                    f"{subject.describe(norm)} is the last thing the network does",
                    norm.location,
                    layers=[norm.layer],
                    fix="move it before the last weight layer, or remove it",
                )
