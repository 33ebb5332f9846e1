"""ND312."""

from collections.abc import Iterator

from normdrop.lint.rules._loops import course, may_train
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import Source
from normdrop.values.findings import Finding


class FrozenNormThawed(Rule):
    """Norm layers that were frozen go on learning their statistics.

    ## What it does
    Finds loops that put norm layers into eval mode before training, and a `train()` of the
    model behind them that puts them back. In a model it is a note that parameters of a norm
    layer are frozen while it is in train mode and other parameters are trained.

    ## Why is this bad?
    `model.train()` reaches every module in the model. The statistics of a pretrained backbone then
    follow the batches of the new task, often small ones, while its weights were meant to stay.

    ## Fix safety
    Training changes: frozen norm layers normalise by what they have stored.

    ## References
    - PyTorch documentation of `torch.nn.Module.train`
    """

    words = (".backward",)
    valid = (
        """
        import torch.nn.functional as F
        from torch import nn
        def fit(model, train, optimizer):
            for _ in range(10):
                model.train()
                for module in model.encoder.modules():
                    if isinstance(module, nn.BatchNorm2d):
                        module.eval()
                for x, y in train:
                    F.mse_loss(model(x), y).backward()
                    optimizer.step()
        """,
    )
    invalid = (
        Invalid(
            """
            import torch.nn.functional as F
            from torch import nn
            def fit(model, train, optimizer):
                for module in model.encoder.modules():
                    if isinstance(module, nn.BatchNorm2d):
                        module.eval()
                for _ in range(10):
                    model.train()
                    for x, y in train:
                        F.mse_loss(model(x), y).backward()
                        optimizer.step()
            """,
            """
            import torch.nn.functional as F
            from torch import nn
            def fit(model, train, optimizer):
                for _ in range(10):
                    model.train()
                    for module in model.encoder.modules():
                        if isinstance(module, nn.BatchNorm2d):
                            module.eval()
                    for x, y in train:
                        F.mse_loss(model(x), y).backward()
                        optimizer.step()
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Only what is trained is frozen."""
        return may_train(text) and b"eval" in text

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One note for all norm layers of a model that learn on while their parameters do not."""
        norms = [node for node in subject.graph if node.carries_statistics]
        layers = dict.fromkeys(each.layer for each in norms if each.layer in subject.untrained)
        if layers:
            first = next(each for each in norms if each.layer in layers)
            more = f" and {len(layers) - 1} more" if len(layers) > 1 else ""
            yield self.finding(
                f"the parameters of {subject.describe(first)}{more} are frozen, and its statistics "
                "go on learning in train mode",
                first.location,
                layers=layers,
                severity="note",
                fix="put it into eval mode behind every train()",
            )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every `train()` that thaws."""
        for train, frozen in course(source).thawed.values():
            yield self.finding(
                f"`{train.model}.train()` puts the frozen norms of `{frozen.model}` back into "
                "train mode",
                source.place(train.node),
                fix="put them into eval mode behind every train()",
                related=[source.place(frozen.node)],
            )
