"""ND318."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._guards import is_guarded, is_wanted
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source, SourceCall
from normdrop.values.findings import Finding

# The default of each function: off, or on.
_OFF = frozenset({"tensorflow.layers.batch_normalization", "tensorflow.layers.dropout"})
_ON = frozenset({"tensorflow.contrib.layers.batch_norm", "tensorflow.contrib.layers.dropout"})
_PLAIN = "tensorflow.nn.dropout"


class OldLayerWithoutMode(Rule):
    """A function of TensorFlow 1 is never told whether the model is training.

    ## What it does
    Finds `tf.layers.batch_normalization` and `tf.layers.dropout` without `training=`, the functions
    of `contrib.layers` and slim without `is_training=`, in files without an argument scope, and
    `tf.nn.dropout` of a fixed rate that no mode decides about.

    ## Why is this bad?
    Those of `tf.layers` are off by default: dropout drops nothing, and batch norm divides by stored
    statistics that nothing updates. Those of `contrib.layers` and slim, and `tf.nn.dropout`, are on
    in evaluation too: predictions are random and depend on who else is in the batch.

    ## Fix safety
    Training or evaluation changes, as it was meant.

    ## References
    - TensorFlow 1 documentation of `tf.layers.batch_normalization`, `tf.contrib.layers.dropout` and
      `tf.nn.dropout`
    """

    words = ("batch_norm", "dropout")
    severity = "error"
    valid = (
        """
        import tensorflow as tf
        def model(x, training):
            x = tf.layers.dropout(tf.layers.dense(x, 8), 0.5, training=training)
            return tf.nn.dropout(x, keep_prob) if training else x
        """,
        """
        import tensorflow as tf
        from tensorflow.contrib import slim
        def model(x, training):
            with slim.arg_scope([slim.batch_norm, slim.dropout], is_training=training):
                return slim.dropout(slim.batch_norm(x))
        """,
        """
        import tensorflow as tf
        class Layer(tf.keras.layers.Layer):
            def call(self, x, training=False):
                if training:
                    x = tf.nn.dropout(x, 0.1)
                return x
        """,
    )
    invalid = (
        Invalid(
            """
            import tensorflow as tf
            def model(x, training):
                return tf.layers.dropout(tf.layers.dense(x, 8), 0.5)
            """,
            """
            import tensorflow as tf
            def model(x, training):
                return tf.layers.dropout(tf.layers.dense(x, 8), 0.5, training=training)
            """,
        ),
        Invalid(
            """
            import tensorflow as tf
            def model(x, training):
                return tf.nn.dropout(x, keep_prob=0.5)
            """,
            """
            import tensorflow as tf
            def model(x, training):
                return tf.nn.dropout(x, keep_prob=tf.cond(training, lambda: 0.5, lambda: 1.0))
            """,
        ),
        Invalid(
            """
            import tensorflow as tf
            def model(x, training):
                return tf.contrib.layers.batch_norm(x)
            """,
            """
            import tensorflow as tf
            def model(x, training):
                return tf.contrib.layers.batch_norm(x, is_training=training)
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Only files of TensorFlow have such functions."""
        return b"tensorflow" in text or b"tf_slim" in text

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such call."""
        scoped = any(b"arg_scope" in line for line in source.lines)
        for call in source.calls_of(_OFF | _ON | {_PLAIN}):
            name = call.name.rpartition(".")[2]
            said = call.argument("training") or call.argument("is_training")
            if call.name == _PLAIN:
                message = _stays_on(call)
            elif call.name in _OFF:
                told = said is not None or not call.whole or len(call.node.args) > _MOST[name]
                message = "" if told else f"{name} without training= is off in training too"
            else:
                # The fourth argument of dropout is the mode.
                told = said is not None or not call.whole or scoped or len(call.node.args) > 3  # noqa: PLR2004
                on = isinstance(said, ast.Constant) and said.value is True
                message = "" if told and not on else f"{name} goes on training in evaluation"
            if message and not is_guarded(source, call.node) and not is_wanted(source, call.node):
                argument = "training" if call.name in _OFF else "is_training"
                yield self.finding(
                    message,
                    source.place(call.node),
                    fix="make its rate depend on the mode"
                    if call.name == _PLAIN
                    else f"pass {argument}=",
                )


_MOST = {"dropout": 4, "batch_normalization": 13}


def _stays_on(call: SourceCall) -> str:
    """What is wrong with a dropout of a rate that stands in the call."""
    rate = call.argument("rate") or call.argument("keep_prob", 1)
    fixed = isinstance(rate, ast.Constant) and rate.value not in {0, 1, None}
    trains = call.function is not None and "train" in call.function.name
    return "tf.nn.dropout of a fixed rate stays on in evaluation" if fixed and not trains else ""
