"""ND317."""

import ast
from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source, SourceCall
from normdrop.values.findings import Finding

_NORMS = frozenset(
    {"tensorflow.layers.batch_normalization", "tensorflow.contrib.layers.batch_norm"}
)
_TRAINS = frozenset({"minimize", "apply_gradients"})
# What runs the update operations, or lets somebody else do so.
_UPDATES = (
    *(b"UPDATE_OPS", b"update_ops", b"updates_collections", b"create_train_op", b".updates"),
    *(b"optimize_loss", b"_update_op", b"arg_scope"),
)


class StatisticsNeverUpdated(Rule):
    """Batch norm of TensorFlow 1 learns no statistics, since nothing runs its updates.

    ## What it does
    Finds `tf.layers.batch_normalization` and `contrib.layers.batch_norm` in files that train by an
    optimizer and never speak of the collection `UPDATE_OPS`.

    ## Why is this bad?
    The layer puts the updates of its moving averages into a collection and leaves it to the author
    to run them. Training looks well, and evaluation divides by a variance of 1.

    ## Fix safety
    Training stays the same; outputs in evaluation change.

    ## References
    - TensorFlow 1 documentation of `tf.layers.batch_normalization`
    """

    words = ("batch_norm",)
    severity = "error"
    valid = (
        """
        import tensorflow as tf
        def model(x, training):
            h = tf.layers.batch_normalization(x, training=training)
            loss = tf.reduce_mean(h)
            with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
                return tf.train.AdamOptimizer().minimize(loss)
        """,
        """
        import tensorflow as tf
        def block(x, training):
            return tf.layers.batch_normalization(x, training=training)
        """,
    )
    invalid = (
        Invalid(
            """
            import tensorflow as tf
            def model(x, training):
                h = tf.layers.batch_normalization(x, training=training)
                loss = tf.reduce_mean(h)
                return tf.train.AdamOptimizer().minimize(loss)
            """,
            """
            import tensorflow as tf
            def model(x, training):
                h = tf.layers.batch_normalization(x, training=training)
                loss = tf.reduce_mean(h)
                with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
                    return tf.train.AdamOptimizer().minimize(loss)
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Most files with a batch norm are none of TensorFlow 1 that train."""
        trains = any(each.encode() in text for each in _TRAINS)
        return trains and not any(word in text for word in _UPDATES)

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for the first such norm, with the others."""
        text = b"\n".join(source.lines)
        norms = [call for call in source.calls_of(_NORMS) if not _is_frozen(call)]
        trains = any(getattr(call.node.func, "attr", "") in _TRAINS for call in source.calls)
        if norms and trains and not any(word in text for word in _UPDATES):
            yield self.finding(
                "nothing runs the updates of this norm's moving averages",
                source.place(norms[0].node),
                fix="make the training step depend on tf.get_collection(tf.GraphKeys.UPDATE_OPS)",
                related=[source.place(call.node) for call in norms[1:]],
            )


def _is_frozen(call: SourceCall) -> bool:
    """Whether a norm never goes by the batch at hand, and so has no updates."""
    said = call.argument("training") or call.argument("is_training")
    by_default = call.name.endswith("batch_normalization") and call.whole
    return by_default if said is None else isinstance(said, ast.Constant) and not said.value
