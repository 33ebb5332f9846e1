"""ND303."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Rule
from normdrop.lint.rules._subject import Subject
from normdrop.shifts.graph import Kind, Node
from normdrop.values.findings import Finding


class MixedModes(Rule):
    """Some of a model's dropout and norm layers are in another mode than the model.

    ## What it does
    Compares the mode of every dropout layer, and of every norm layer with running statistics, with
    the mode of the model itself, as it is when it is checked.

    ## Why is this bad?
    In a model in evaluation mode a layer in train mode makes predictions random, or moves its
    statistics with every prediction. It happens where a layer is replaced after `model.eval()`: a
    new module begins in train mode. In a model in train mode, layers in evaluation mode may be
    frozen on purpose, which is a note.

    ## Example
    ```python
    model = make().eval()
    model.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(512, 10))
    ```

    ## Use instead
    ```python
    model = make()
    model.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(512, 10))
    model.eval()
    ```

    ## Fix safety
    Predictions are no longer random, and statistics no longer move.

    ## References
    - PyTorch documentation of `torch.nn.Module.eval`
    - pytorch/pytorch issue 5406
    """

    words = ()

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for a model, with all such layers."""
        whole = subject.modes.get("")
        if subject.captured is None or whole is None:
            return
        odd = [node for node in subject.graph if _depends_on_mode(node)]
        odd = [node for node in odd if subject.modes.get(node.module, whole) is not whole]
        if not odd:
            return
        layers = dict.fromkeys(node.layer for node in odd)
        more = f" and {len(layers) - 1} more" if len(layers) > 1 else ""
        own, other = ("train", "evaluation") if whole else ("evaluation", "train")
        yield self.finding(
            f"{subject.describe(odd[0])}{more} in {other} mode, in a model in {own} mode",
            odd[0].location,
            layers=layers,
            severity="note" if whole else "warning",
            fix=f"call model.{'train' if whole else 'eval'}() after the last change to the model",
        )


def _depends_on_mode(node: Node) -> bool:
    return node.carries_statistics or (node.kind is Kind.NOISE and bool(node.module))
