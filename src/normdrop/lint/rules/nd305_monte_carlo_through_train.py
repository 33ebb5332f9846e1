"""ND305."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source, SourceCall
from normdrop.values.findings import Finding

_NO_GRADIENTS = {"torch.no_grad", "torch.inference_mode"}
_Loop = ast.For | ast.ListComp | ast.GeneratorExp


class MonteCarloThroughTrain(Rule):
    """Monte Carlo dropout puts the norm layers into train mode too.

    ## What it does
    Finds repeated predictions of the same input, without gradients, after `model.train()`, or with
    `training=True` in Keras, in a file that makes dropout and batch norm layers.

    ## Why is this bad?
    Only dropout should draw anew. In train mode the norm layers divide by the statistics of the
    batch at hand, so that a prediction depends on who else is in the batch, and every pass moves
    the running statistics that later evaluations use.

    ## Fix safety
    Predictions change: they vary by dropout alone.

    ## References
    - lightning-uq-box issue 173
    - Gal, Ghahramani: Dropout as a Bayesian Approximation, ICML 2016
    """

    words = ("BatchNorm",)
    valid = (
        """
        import torch
        from torch import nn
        model = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
        def refresh(batches):
            model.train()
            with torch.no_grad():
                for batch in batches:
                    model(batch)
        """,
        """
        from keras import layers
        def accumulate(x):
            layer = layers.BatchNormalization()
            return [layer(x, training=True) for _ in range(20)]
        """,
        """
        import torch
        from torch import nn
        model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 2))
        def predict(x):
            model.train()
            with torch.no_grad():
                return torch.stack([model(x) for _ in range(20)])
        """,
    )
    invalid = (
        Invalid(
            """
            import torch
            from torch import nn
            model = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
            def predict(x):
                model.train()
                with torch.no_grad():
                    return torch.stack([model(x) for _ in range(20)])
            """,
            """
            import torch
            from torch import nn
            model = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
            def predict(x):
                model.eval()
                for module in model.modules():
                    if isinstance(module, nn.Dropout):
                        module.train()
                with torch.no_grad():
                    return torch.stack([model(x) for _ in range(20)])
            """,
        ),
        Invalid(
            """
            from keras import Sequential, layers
            model = Sequential([
                layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2),
            ])
            def predict(x):
                return [model(x, training=True) for _ in range(20)]
            """,
            """
            from keras import Input, Model, layers
            inputs = Input((8,))
            x = layers.BatchNormalization()(inputs)
            x = layers.Dropout(0.5)(x, training=True)
            model = Model(inputs, layers.Dense(2)(x))
            def predict(x):
                return [model(x) for _ in range(20)]
            """,
        ),
    )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such loop."""
        made = {call.name.rpartition(".")[2] for call in source.calls}
        torch = any(name.startswith("BatchNorm") and name[-1] == "d" for name in made)
        norms = torch or "BatchNormalization" in made
        if not norms or not any("Dropout" in name for name in made):
            return
        train = {id(call.function) for call in source.calls if _is_method(call, "train")}
        for function, _ in source.functions:
            if torch and id(function) not in train:
                continue
            for loop in _loops(function):
                for called in _repeated(loop):
                    if torch and _is_torch(source, function, loop, called):
                        fix = "call model.eval(), then train() of the dropout layers alone"
                    elif not torch and _says_training(called):
                        fix = "pass training=True to the dropout layers alone"
                    else:
                        continue
                    yield self.finding(
                        f"`{ast.unparse(called.func)}` predicts the same input again and again in "
                        "train mode, which its norm layers follow",
                        source.place(called),
                        fix=fix,
                    )


def _is_method(call: SourceCall, name: str) -> bool:
    return isinstance(call.node.func, ast.Attribute) and call.node.func.attr == name


def _loops(function: ast.AST) -> Iterator[_Loop]:
    for node in ast.walk(function):
        if isinstance(node, _Loop):
            yield node


def _repeated(loop: _Loop) -> Iterator[ast.Call]:
    """Calls of names in a loop with an argument that no round of it changes."""
    inside = list(ast.walk(loop))
    changed = {
        node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in inside:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
            continue
        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        if len(node.args) == 1 and isinstance(node.args[0], ast.Name) and not used & changed:
            yield node


def _is_torch(source: Source, function: ast.AST, loop: _Loop, called: ast.Call) -> bool:
    """Whether the model was put into train mode before, and gradients are off in the loop."""
    model = ast.unparse(called.func)
    modes = [
        call.node.func.attr
        for call in source.calls
        if call.function is function
        and isinstance(call.node.func, ast.Attribute)
        and call.node.func.attr in {"train", "eval"}
        and call.node.lineno < called.lineno
        and (call.node.func.attr == "eval" or ast.unparse(call.node.func.value) == model)
        and not call.node.args
    ]
    return bool(modes) and modes[-1] == "train" and _without_gradients(source, function, loop)


def _without_gradients(source: Source, function: ast.AST, loop: _Loop) -> bool:
    """Whether a decorator or a `with` around the loop, or in it, turns gradients off."""
    decorators = getattr(function, "decorator_list", [])
    around = [
        item.context_expr
        for node in ast.walk(function)
        if isinstance(node, ast.With) and (loop in ast.walk(node) or node in ast.walk(loop))
        for item in node.items
    ]
    named = [each.func if isinstance(each, ast.Call) else each for each in decorators + around]
    return any(source.name(each) in _NO_GRADIENTS for each in named)


def _says_training(called: ast.Call) -> bool:
    return any(
        keyword.arg == "training"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is True
        for keyword in called.keywords
    )
