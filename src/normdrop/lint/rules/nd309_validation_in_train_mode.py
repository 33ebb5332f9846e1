"""ND309."""

from collections.abc import Iterator

from normdrop.lint.rules._loops import course, may_train
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding


class ValidationInTrainMode(Rule):
    """A model is validated in train mode.

    ## What it does
    Follows functions that train a torch model, and the functions of the file that they call, and
    finds calls of the model on data of validation, without gradients, in train mode.

    ## Why is this bad?
    Dropout is on, so that the figures are those of a worse model. Norm layers go by the batch at
    hand and take the validation data into their running statistics.

    ## Fix safety
    What is measured changes, and the running statistics no longer see the validation data.

    ## References
    - PyTorch documentation of `torch.nn.Module.eval` and of `torch.no_grad`, which changes no mode
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
        import torch
        import torch.nn.functional as F
        @torch.no_grad()
        def validate(net, val):
            net.eval()
            return sum(F.mse_loss(net(x), y) for x, y in val)
        def fit(model, train, val, optimizer):
            for _ in range(10):
                model.train()
                for x, y in train:
                    F.mse_loss(model(x), y).backward()
                    optimizer.step()
                print(validate(model, val))
        """,
    )
    invalid = (
        Invalid(
            """
            import torch
            import torch.nn.functional as F
            def fit(model, train, val, optimizer):
                for _ in range(10):
                    model.train()
                    for x, y in train:
                        F.mse_loss(model(x), y).backward()
                        optimizer.step()
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
        Invalid(
            """
            import torch
            import torch.nn.functional as F
            @torch.no_grad()
            def validate(net, batches):
                return sum(F.mse_loss(net(x), y) for x, y in batches)
            def fit(model, train, val, optimizer):
                model.train()
                for _ in range(10):
                    for x, y in train:
                        F.mse_loss(model(x), y).backward()
                        optimizer.step()
                    print(validate(model, val))
            """,
            """
            import torch
            import torch.nn.functional as F
            @torch.no_grad()
            def validate(net, batches):
                net.eval()
                return sum(F.mse_loss(net(x), y) for x, y in batches)
            def fit(model, train, val, optimizer):
                for _ in range(10):
                    model.train()
                    for x, y in train:
                        F.mse_loss(model(x), y).backward()
                        optimizer.step()
                    print(validate(model, val))
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Only what is trained is validated."""
        return may_train(text) and (b"no_grad" in text or b"inference_mode" in text)

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such call."""
        for call, mode in course(source).evaluated.values():
            yield self.finding(
                f"`{call.model}` is in train mode where it is validated",
                source.place(call.node),
                fix=f"call {call.model}.eval() before, and {call.model}.train() behind",
                related=[source.place(mode.node)] if mode is not None else (),
            )
