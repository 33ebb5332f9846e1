"""ND314."""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from normdrop.lint.rules._guards import is_wanted
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source, SourceCall
from normdrop.values.findings import Finding

if TYPE_CHECKING:
    from normdrop.values.severity import Severity

_WEIGHTS = frozenset({"trainable_variables", "trainable_weights"})
_DEPENDS = re.compile(rb"[Dd]ropout|BatchNorm|batch_norm|applications|tensorflow_hub|GaussianNoise")


class LoopWithoutTraining(Rule):
    """A loop of one's own trains a Keras model in inference mode.

    ## What it does
    Finds calls of a Keras model under a `GradientTape` whose gradients train it, and in loops of
    PyTorch that train it, without `training=True`. It is a note where the file shows nothing that
    would make a difference.

    ## Why is this bad?
    A model that is called by itself is in inference mode: dropout is off, and batch norm divides by
    its stored statistics, which are never updated and stay 0 and 1.

    ## Fix safety
    Training changes: dropout is on, and batch norm learns its statistics.

    ## References
    - The Keras guide to writing a training loop from scratch
    - keras-team/keras issues 19492 and 20195
    """

    words = ("GradientTape", ".backward")
    valid = (
        """
        import tensorflow as tf
        from keras import Sequential, layers
        model = Sequential([layers.Dense(8), layers.Dropout(0.5)])
        def step(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
            return tape.gradient(loss, model.trainable_variables)
        """,
        """
        import tensorflow as tf
        from keras import Sequential, layers
        model = Sequential([layers.Dense(8), layers.Dropout(0.5)])
        def saliency(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                score = model(x)
            return tape.gradient(score, x)
        """,
    )
    invalid = (
        Invalid(
            """
            import tensorflow as tf
            from keras import Sequential, layers
            model = Sequential([layers.Dense(8), layers.Dropout(0.5)])
            def step(x, y):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((model(x) - y) ** 2)
                return tape.gradient(loss, model.trainable_variables)
            """,
            """
            import tensorflow as tf
            from keras import Sequential, layers
            model = Sequential([layers.Dense(8), layers.Dropout(0.5)])
            def step(x, y):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((model(x, training=True) - y) ** 2)
                return tape.gradient(loss, model.trainable_variables)
            """,
        ),
        Invalid(
            """
            from keras import Sequential, layers
            model = Sequential([layers.Dense(8), layers.Dropout(0.5)])
            def fit(batches, loss, optimizer):
                for x, y in batches:
                    loss(model(x), y).backward()
                    optimizer.step()
            """,
            """
            from keras import Sequential, layers
            model = Sequential([layers.Dense(8), layers.Dropout(0.5)])
            def fit(batches, loss, optimizer):
                for x, y in batches:
                    loss(model(x, training=True), y).backward()
                    optimizer.step()
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Most loops of PyTorch train no Keras model."""
        return b"GradientTape" in text or (b"keras" in text and b".backward" in text)

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every such call."""
        text = b"\n".join(source.lines)
        if b"set_learning_phase" in text:
            return
        depends = _DEPENDS.search(text) is not None
        if not depends and any(call.name.startswith("keras.layers.") for call in source.calls):
            # The model stands in the file, and no mode changes what it does.
            return
        severity: Severity = "warning" if depends else "note"
        for call in _calls(source):
            model = ast.unparse(call.node.func)
            yield self.finding(
                f"`{model}` is trained in inference mode: the call says no training=True",
                source.place(call.node),
                severity=severity,
                fix=f"call {model}(…, training=True)",
            )


def _calls(source: Source) -> Iterator[SourceCall]:
    """The calls that train a Keras model and say no mode, or that of inference."""
    trained = _trained(source)
    kept = _keras_models(source)
    moded = {
        ast.unparse(call.node.func.value)
        for call in source.calls
        if isinstance(call.node.func, ast.Attribute) and call.node.func.attr in {"train", "eval"}
    }
    backward = {
        id(loop)
        for call in source.calls
        if getattr(call.node.func, "attr", "") == "backward"
        for loop in source.above(call.node)
        if isinstance(loop, ast.For | ast.While)
    }
    for call in source.calls:
        if not call.node.args or not isinstance(call.node.func, ast.Name | ast.Attribute):
            continue
        if not call.whole or not _is_inference(call):
            continue
        model = ast.unparse(call.node.func)
        if model not in trained and model not in kept:
            continue
        # Another library's models have modes of their own, and a test tests one call.
        if model in moded or is_wanted(source, call.node):
            continue
        around = list(source.above(call.node))
        taped = any(_is_tape(source, each) for each in around)
        looped = any(
            isinstance(each, ast.For | ast.While) and id(each) in backward for each in around
        )
        if (taped and model in trained) or (looped and model in kept and not _is_off(around)):
            yield call


def _is_inference(call: SourceCall) -> bool:
    said = call.argument("training")
    if said is not None:
        return isinstance(said, ast.Constant) and said.value is False
    # Models of one's own may call the mode otherwise, or take it as their second argument.
    return len(call.node.args) == 1 and not any(
        "train" in each.arg or "mode" in each.arg for each in call.node.keywords if each.arg
    )


def _trained(source: Source) -> set[str]:
    """The models whose variables a gradient is taken for."""
    found = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {
            "gradient",
            "minimize",
        }:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Attribute) and inner.attr in _WEIGHTS:
                    found.add(ast.unparse(inner.value))
        elif isinstance(node, ast.Assign) and getattr(node.value, "attr", "") in _WEIGHTS:
            # `variables = model.trainable_variables`
            found.add(ast.unparse(node.value).rpartition(".")[0])
    return found


def _keras_models(source: Source) -> set[str]:
    """What is made by Keras, or trained by its `trainable_weights`, in a file of Keras."""
    if not any(name.partition(".")[0] == "keras" for name in source.imported.values()):
        return set()
    found = {
        ast.unparse(target)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if source.name(node.value.func) in {"keras.Sequential", "keras.Model"}
    }
    return found | {
        ast.unparse(node.value)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and node.attr in _WEIGHTS
    }


def _is_tape(source: Source, node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.Call)
        and (
            source.name(item.context_expr.func).endswith("GradientTape")
            or getattr(item.context_expr.func, "attr", "") == "GradientTape"
        )
        for item in node.items
    )


def _is_off(around: list[ast.AST]) -> bool:
    """Whether gradients are off around a call."""
    return any(
        "no_grad" in ast.unparse(item.context_expr) or "inference_mode" in ast.unparse(item)
        for each in around
        if isinstance(each, ast.With)
        for item in each.items
    )
