"""ND312."""

from collections.abc import Iterator

from normdrop.lint.rules._loops import course, may_train
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding


class FrozenNormThawed(Rule):
    """Norm layers that were frozen go on learning their statistics.

    ## What it does
    Finds loops that put norm layers into eval mode before training, and a `train()` of the model
    behind them that puts them back.

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

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every `train()` that thaws."""
        for train, frozen in course(source).thawed.values():
            yield self.finding(
                f"`{train.model}.train()` puts the frozen norm layers of `{frozen.model}` back into "
                "train mode",
                source.place(train.node),
                fix="put them into eval mode behind every train()",
                related=[source.place(frozen.node)],
            )
