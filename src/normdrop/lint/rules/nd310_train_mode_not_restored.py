"""ND310."""

from collections.abc import Iterator

from normdrop.lint.rules._loops import course, may_train
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding


class TrainModeNotRestored(Rule):
    """From its second round on, a loop trains in eval mode.

    ## What it does
    Follows functions that train a torch model, and the functions of the file that they call, and
    finds `eval()` in a loop that no `train()` undoes before the loop trains again.

    ## Why is this bad?
    After the first validation dropout is off and norm layers normalise by what they have stored
    until then: the statistics stay as they are while the weights move away from them.

    ## Fix safety
    Training changes: dropout stays on, and running statistics follow the weights.

    ## References
    - PyTorch documentation of `torch.nn.Module.train`
    """

    words = (".backward",)
    valid = (
        """
        import torch
        import torch.nn.functional as F
        def fit(model, train, val, optimizer):
            for _ in range(10):
                model.train()
                for x, y in train:
                    F.mse_loss(model(x), y).backward()
                    optimizer.step()
                model.eval()
                with torch.no_grad():
                    print(sum(F.mse_loss(model(x), y) for x, y in val))
        """,
        """
        import torch.nn.functional as F
        def finetune(model, train, optimizer):
            model.eval()
            for x, y in train:
                F.mse_loss(model(x), y).backward()
                optimizer.step()
        """,
    )
    invalid = (
        Invalid(
            """
            import torch
            import torch.nn.functional as F
            def fit(model, train, val, optimizer):
                model.train()
                for _ in range(10):
                    for x, y in train:
                        F.mse_loss(model(x), y).backward()
                        optimizer.step()
                    model.eval()
                    with torch.no_grad():
                        print(sum(F.mse_loss(model(x), y) for x, y in val))
            """,
            """
            import torch
            import torch.nn.functional as F
            def fit(model, train, val, optimizer):
                for _ in range(10):
                    model.train()
                    for x, y in train:
                        F.mse_loss(model(x), y).backward()
                        optimizer.step()
                    model.eval()
                    with torch.no_grad():
                        print(sum(F.mse_loss(model(x), y) for x, y in val))
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Only what is trained has a train mode to go back to."""
        return may_train(text) and b".eval" in text

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such `eval()`."""
        for call, mode in course(source).stuck.values():
            yield self.finding(
                f"`{mode.model}` stays in eval mode when the loop trains it again",
                source.place(mode.node),
                fix=f"call {mode.model}.train() at the beginning of each round",
                related=[source.place(call.node)],
            )
