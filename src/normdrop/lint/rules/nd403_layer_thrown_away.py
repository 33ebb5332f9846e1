"""ND403."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._classes import KERAS_LAYERS, TORCH_LAYERS, classes_of, is_own
from normdrop.lint.rules._mend import SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source, SourceCall
from normdrop.values.findings import Finding
from normdrop.values.operations import NOISES

_LAYERS = TORCH_LAYERS | KERAS_LAYERS
_FUNCTIONS = frozenset(
    each.address
    for noise in NOISES
    for each in noise.functions
    if each.address.startswith("torch.nn.functional.")
)


class LayerThrownAway(Rule):
    """A norm or dropout layer is made and thrown away.

    ## What it does
    Finds statements that make a norm or dropout layer and do nothing with it, or that call one and
    do nothing with what it yields: a layer that works in place is spared.

    ## Why is this bad?
    The layer is in no model. The author believes that it normalises or regularises.

    ## Fix safety
    Once the layer is put in, the model computes something else and must be trained.

    ## References
    - The Keras guide to the functional API: a layer acts on a tensor when it is called on it
    """

    words = ("Drop", "drop", "Norm")
    severity = "error"
    source_mend = SourceMend.USE_OUTPUT
    valid = (
        """
        from keras import layers
        def block(x):
            return layers.BatchNormalization()(x)
        """,
        """
        from keras.layers import BatchNormalization
        model.add(BatchNormalization())
        """,
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.drop = nn.Dropout(0.5, inplace=True)
            def forward(self, x):
                self.drop(x)
                return x
        """,
    )
    invalid = (
        Invalid(
            """
            from keras.layers import BatchNormalization, Dense
            def block(x):
                x = Dense(8)(x)
                BatchNormalization()
                return x
            """,
            """
            from keras.layers import BatchNormalization, Dense
            def block(x):
                x = Dense(8, use_bias=False)(x)
                x = BatchNormalization()(x)
                return x
            """,
        ),
        Invalid(
            """
            from keras.layers import BatchNormalization, Dense
            def block(x):
                x = Dense(8)(x)
                BatchNormalization()(x)
                return x
            """,
            """
            from keras.layers import BatchNormalization, Dense
            def block(x):
                x = Dense(8, use_bias=False)(x)
                x = BatchNormalization()(x)
                return x
            """,
        ),
        Invalid(
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.linear, self.drop = nn.Linear(8, 8), nn.Dropout(0.5)
                def forward(self, x):
                    x = self.linear(x)
                    self.drop(x)
                    return x
            """,
            """
            from torch import nn
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.linear, self.drop = nn.Linear(8, 8), nn.Dropout(0.5)
                def forward(self, x):
                    x = self.linear(x)
                    x = self.drop(x)
                    return x
            """,
        ),
    )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every layer, or output of a layer, that is an expression by itself."""
        made = {id(call.node): call for call in source.calls_of(_LAYERS)}
        for call in source.calls:
            if not call.alone:
                continue
            layer = made.get(id(call.node)) or made.get(id(call.node.func))
            if layer is not None:
                called = layer is not call
                if not called or layer.name.startswith("keras."):
                    yield self._made(source, layer, call, called=called)
            elif is_own(call.node.func) or call.name in _FUNCTIONS:
                yield from self._called(source, call)

    def _made(
        self, source: Source, layer: SourceCall, call: SourceCall, *, called: bool
    ) -> Finding:
        name = layer.name.rpartition(".")[2]
        said = "the output of this layer is thrown away" if called else "is made and thrown away"
        return self.finding(
            f"{name}: {said}" if called else f"{name} {said}",
            source.place(call.node),
            fix=f"write x = {name}(…)(x), or add it to the model"
            if layer.name.startswith("keras.")
            else f"keep it as self.… = nn.{name}(…) and call it in forward",
        )

    def _called(self, source: Source, call: SourceCall) -> Iterator[Finding]:
        """A layer of the class around a call, or a function, whose output nobody takes."""
        written = call.node.func
        name = call.name.rpartition(".")[2]
        if is_own(written):
            classes = classes_of(source)
            around = classes.above[call.owner] if call.owner is not None else []
            layers = [each for one in around for each in classes.kept(one)]
            found = [each.made for each in layers if each.name == written.attr]
            if not found or not call.node.args or any(map(_works_in_place, found)):
                return
            name = classes.layer(found[0])
        if not _works_in_place(call.node):
            yield self.finding(
                f"{name}: the output of this call is thrown away",
                source.place(call.node),
                fix="write x = …(x)",
            )


def _works_in_place(call: ast.Call) -> bool:
    """Whether a call says that its input is changed, or may say so out of sight."""
    return any(each.arg in {"inplace", None} for each in call.keywords) or len(call.args) > 3  # noqa: PLR2004 - the fourth says so
