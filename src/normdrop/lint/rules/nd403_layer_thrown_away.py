"""ND403."""

from collections.abc import Iterator

from normdrop.lint.rules._mend import SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding

_LAYERS = {
    "keras.layers.BatchNormalization",
    "keras.layers.Dropout",
    "keras.layers.SpatialDropout1D",
    "keras.layers.SpatialDropout2D",
    "keras.layers.GaussianDropout",
    "keras.layers.LayerNormalization",
    *(f"torch.nn.{name}" for name in ("Dropout", "Dropout2d", "BatchNorm1d", "BatchNorm2d")),
}


class LayerThrownAway(Rule):
    """A norm or dropout layer is made and thrown away.

    ## What it does
    Finds statements that make a norm or dropout layer and do nothing with it.

    ## Why is this bad?
    The layer is in no model. The author believes that it normalises or regularises.

    ## Fix safety
    Once the layer is put in, the model computes something else and must be trained.

    ## References
    - The Keras guide to the functional API: a layer acts on a tensor when it is called on it
    """

    words = ("Dropout", "BatchNorm", "LayerNormalization")
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
    )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every layer, or output of a layer, that is an expression by itself."""
        made = {id(call.node): call for call in source.calls_of(_LAYERS)}
        for call in source.calls if made else ():
            layer = made.get(id(call.node)) or made.get(id(call.node.func))
            if layer is None or not call.alone:
                continue
            called = layer is not call
            if called and not layer.name.startswith("keras."):
                continue
            name = layer.name.rpartition(".")[2]
            what = (
                "the output of this layer is thrown away" if called else "is made and thrown away"
            )
            yield self.finding(
                f"{name}: {what}" if called else f"{name} {what}",
                source.place(call.node),
                fix=f"write x = {name}(…)(x), or add it to the model"
                if layer.name.startswith("keras.")
                else f"keep it as self.… = nn.{name}(…) and call it in forward",
            )
