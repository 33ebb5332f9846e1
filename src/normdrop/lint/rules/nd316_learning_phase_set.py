"""ND316."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding

_NAMES = frozenset({"set_learning_phase"})


class LearningPhaseSet(Rule):
    """One switch sets the mode of all Keras layers at once.

    ## What it does
    Finds calls of `set_learning_phase`.

    ## Why is this bad?
    With 1, dropout stays on and batch norm goes by the batch at hand in every call until somebody
    sets it back, those of `predict` and `evaluate` included. With 0, which is a note, models that
    are built behind it never train their statistics. Keras 3 has no such switch.

    ## Fix safety
    Outputs in evaluation change: they no longer depend on the switch.

    ## References
    - The release notes of Keras 3; keras-team/keras issues 6977 and 9965
    """

    words = ("set_learning_phase",)
    valid = (
        """
        from keras import layers
        def train(model, x):
            return model(x, training=True)
        """,
    )
    invalid = (
        Invalid(
            """
            from keras import backend as K
            def train(model, x):
                K.set_learning_phase(1)
                return model(x)
            """,
            """
            from keras import backend as K
            def train(model, x):
                return model(x, training=True)
            """,
        ),
    )

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every call."""
        for call in source.calls:
            name = getattr(call.node.func, "attr", getattr(call.node.func, "id", ""))
            if name not in _NAMES or not call.node.args:
                continue
            said = call.node.args[0]
            off = not isinstance(said, ast.Constant) or not said.value
            yield self.finding(
                f"{name} sets the mode of every layer at once, and Keras 3 does not have it",
                source.place(call.node),
                severity="note" if off else "warning",
                fix="pass training= to the call, or freeze layers by trainable = False",
            )
