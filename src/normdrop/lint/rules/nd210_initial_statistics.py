"""ND210."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Rule
from normdrop.lint.rules._subject import Subject
from normdrop.shifts.graph import Kind, Node
from normdrop.values.findings import Finding


class InitialStatistics(Rule):
    """A trained norm layer's running statistics are still at their initial values.

    ## What it does
    Finds norm layers of a captured model whose running mean is 0 and whose running variance is 1 in
    every channel, while β differs from channel to channel, or, without β, γ. That γ alone differs
    may come of how it is drawn at first.

    ## Why is this bad?
    The layer was trained and its statistics were not stored: a copy of the weights without the
    buffers, an average of weights, or training with the layer in eval mode. In evaluation it does
    not normalise at all.

    ## Example
    ```python
    average.load_state_dict(dict(model.named_parameters()), strict=False)
    ```

    ## Use instead
    ```python
    average.load_state_dict(model.state_dict())
    ```

    ## Fix safety
    Outputs in evaluation change: they fit the weights.

    ## References
    - timgaripov/swa issue 7, on weight averages without the statistics of their norm layers
    """

    words = ()
    severity = "error"

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every layer."""
        if subject.captured is None:
            return
        layers = {norm.layer: norm for norm in subject.graph.of_kind(Kind.NORM)}
        for norm in layers.values():
            if norm.carries_statistics and _is_new(norm) and not _has_new_weights(norm):
                yield self.finding(
                    f"{subject.describe(norm)} was trained, and its statistics are still those of "
                    "a new layer",
                    norm.location,
                    layers=[norm.layer],
                    fix="load the running statistics too, or re-estimate them",
                )


def _is_new(norm: Node) -> bool:
    """Whether the variances are those of a new layer; a bias may be folded into the means."""
    return _holds(norm, "running_var", 1.0)


def _has_new_weights(norm: Node) -> bool:
    """Whether beta is constant, as it is at first; gamma may be drawn, and tells without a beta."""
    role = "beta" if "beta" in norm.parameters else "gamma"
    return role not in norm.parameters or _holds(norm, role, None)


def _holds(norm: Node, role: str, value: float | None) -> bool:
    """Whether every channel of a parameter holds a value, or one and the same."""
    parameter = norm.parameters.get(role)
    if parameter is None:
        return False
    values = parameter.read().reshape(-1)
    return bool(values.size and (values == (values[0] if value is None else value)).all())
