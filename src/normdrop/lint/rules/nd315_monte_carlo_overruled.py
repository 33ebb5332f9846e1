"""ND315."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import Source
from normdrop.values.findings import Finding
from normdrop.values.operations import NOISES

_LAYERS = frozenset(f"keras.layers.{name}" for noise in NOISES for name in noise.keras_layers)


class MonteCarloOverruled(Rule):
    """Dropout that was asked to stay on is off in predict.

    ## What it does
    Finds dropout layers of a functional Keras model that are called with `training=True`, in a
    model, and in files that call `predict` or `evaluate`.

    ## Why is this bad?
    In Keras 2 such a layer drew in every call. Since Keras 3 the mode of the whole model overrules
    it: `predict` and `evaluate` run in inference mode, all samples of a Monte Carlo estimate are
    the same, and the uncertainty is 0. In a file for Keras 2 it says what an upgrade changes.

    ## Fix safety
    Predictions are random, as they were meant to be.

    ## References
    - keras-team/keras issue 19476
    - Gal, Ghahramani: Dropout as a Bayesian Approximation, ICML 2016
    """

    words = ("Dropout",)
    valid = (
        """
        from keras import Input, Model, layers
        inputs = Input((8,))
        x = layers.Dropout(0.5)(inputs, training=True)
        model = Model(inputs, layers.Dense(2)(x))
        def sample(x):
            return [model(x) for _ in range(20)]
        """,
        """
        from keras import Input, Model, layers
        inputs = Input((8,))
        model = Model(inputs, layers.Dense(2)(layers.Dropout(0.5)(inputs)))
        def sample(x):
            return model.predict(x)
        """,
    )
    invalid = (
        Invalid(
            """
            from keras import Input, Model, layers
            inputs = Input((8,))
            x = layers.Dropout(0.5)(inputs, training=True)
            model = Model(inputs, layers.Dense(2)(x))
            def sample(x):
                return [model.predict(x) for _ in range(20)]
            """,
            """
            from keras import Input, Model, layers
            inputs = Input((8,))
            x = layers.Dropout(0.5)(inputs, training=True)
            model = Model(inputs, layers.Dense(2)(x))
            def sample(x):
                return [model(x) for _ in range(20)]
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Few dropout layers are called with a mode."""
        return b"training" in text and (b".predict" in text or b".evaluate" in text)

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every such layer of a model."""
        if subject.captured is None:
            return
        for noise in subject.graph:
            if noise.noise is not None and noise.layer in subject.overruled:
                yield self.finding(
                    f"{subject.describe(noise)} was called with training=True, and predict() and "
                    "evaluate() switch it off all the same",
                    noise.location,
                    layers=[noise.layer],
                    fix="call the model itself, or predict under normdrop.modes(model, "
                    "dropout=True)",
                )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such call in a file that predicts."""
        made = {id(call.node) for call in source.calls_of(_LAYERS)}
        predicts = {"predict", "evaluate", "predict_generator", "predict_on_batch"}
        if not made or not any(
            getattr(call.node.func, "attr", "") in predicts for call in source.calls
        ):
            return
        for call in source.calls:
            said = call.argument("training")
            if id(call.node.func) in made and isinstance(said, ast.Constant) and said.value == 1:
                yield self.finding(
                    "predict() and evaluate() of Keras 3 overrule training=True and switch this "
                    "dropout off",
                    source.place(call.node),
                    fix="call the model itself, or predict under normdrop.modes(model, "
                    "dropout=True)",
                )
