"""ND401."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Rule
from normdrop.lint.rules._subject import Subject
from normdrop.shifts.graph.paths import never_called
from normdrop.values.findings import Finding


class NeverCalled(Rule):
    """A norm or dropout layer is in the model and is never called.

    ## What it does
    Runs the model in both modes, without computing any numbers, and finds registered norm and
    dropout layers that neither run made use of.

    ## Why is this bad?
    The layer shows in `print(model)` and in the `state_dict`, and does nothing. Whoever set its
    rate believes that the model is regularised.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 8)
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return self.linear(x)
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 8)
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return self.drop(self.linear(x))
    ```

    ## Fix safety
    Calling the layer changes what the model computes; removing it changes the `state_dict` keys of
    a norm layer.

    ## References
    - Project-MONAI/MONAI issue 4844, huggingface/pytorch-image-models issue 1726
    """

    words = ()

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every idle layer of a captured model."""
        if subject.captured is None:
            return
        for layer in never_called(subject.captured.train, subject.captured.eval):
            # A block of several layers that is left out, such as a last stage, is no slip.
            if layer.leaf and ("Norm" in layer.type or "Drop" in layer.type):
                yield self.finding(
                    f"{layer.path} ({layer.type}) is never called",
                    None,
                    layers=[layer.path],
                    fix="call it in forward, or remove it",
                )
