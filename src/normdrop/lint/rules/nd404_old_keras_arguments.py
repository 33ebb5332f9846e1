"""ND404."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator

from normdrop.lint.rules._mend import SourceMend
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding
from normdrop.values.operations import NOISES, POOLS, WEIGHTS

_CONVOLUTION = {
    "border_mode": "padding=",
    "subsample": "strides=",
    "nb_filter": "filters=",
    "nb_row": "kernel_size=",
    "nb_col": "kernel_size=",
    "dim_ordering": "data_format=",
    "init": "kernel_initializer=",
    "W_regularizer": "kernel_regularizer=",
    "b_regularizer": "bias_regularizer=",
    "bias": "use_bias=",
}
_POOL = {"border_mode": "padding=", "dim_ordering": "data_format="}
_RATE = {"p": "rate="}
_WINDOWS = tuple(name for pool in POOLS if pool.extent == "windows" for name in pool.keras_layers)
# Alpha dropout is younger than these arguments.
_DROPOUTS = tuple(
    name
    for noise in NOISES
    if noise.law in {"bernoulli", "gaussian"}
    for name in noise.keras_layers
)
_GONE = {
    "BatchNormalization": {
        "mode": "nothing in its place",
        "beta_init": "beta_initializer=",
        "gamma_init": "gamma_initializer=",
    },
    **dict.fromkeys(_DROPOUTS, _RATE),
    "SpatialDropout2D": {**_RATE, "dim_ordering": "data_format="},
    "SpatialDropout3D": {**_RATE, "dim_ordering": "data_format="},
    "Dense": {
        "output_dim": "units=",
        "init": "kernel_initializer=",
        "W_regularizer": "kernel_regularizer=",
        "b_regularizer": "bias_regularizer=",
        "bias": "use_bias=",
    },
    **dict.fromkeys(WEIGHTS["convolution"].keras_layers, _CONVOLUTION),
    **dict.fromkeys(_WINDOWS, _POOL),
}


def _written(stem: bytes, layer: str, arguments: Iterable[str]) -> Callable[[bytes], bool]:
    """A test of whether a layer may be given one of some arguments, fast on files without it."""
    called = re.compile(rf"{layer}(?:[\s)]*\(|\s+as\b)".encode())
    named = [re.compile(rf"{name}\s*=".encode()) for name in arguments]
    # A keyword stands behind a bracket or comma, and an assignment does not.
    keyword = re.compile(rf"[(,](?:\s|\\|#[^\n]*\n)*(?:{'|'.join(arguments)})\s*=".encode())
    return lambda text: (
        stem in text
        and called.search(text) is not None
        and any(each.search(text) for each in named)
        and keyword.search(text) is not None
    )


_WRITTEN = (
    _written(b"Dense", r"Dense(?<!\wDense)", _GONE["Dense"]),
    _written(b"Conv", r"Conv(?:olution)?[123]D", _CONVOLUTION),
    _written(b"Pool", r"Pool(?:ing)?[123]D", _POOL),
)


class OldKerasArguments(Rule):
    """An argument belongs to a version of Keras that is long gone.

    ## What it does
    Finds arguments of Keras 1 layers, and `nb_epoch=` in calls of `fit`, and says how they are
    spelled today.

    ## Why is this bad?
    Keras 2 and later refuse them. `BatchNormalization(mode=…)` also meant other statistics than
    any later version has.

    ## Fix safety
    Today's spelling means the same, except for `mode=`.

    ## References
    - The release notes of Keras 2
    """

    words = ("keras",)
    source_mend = SourceMend.RENAME_ARGUMENT
    valid = (
        """
        from keras.layers import BatchNormalization, Dropout
        layers = [BatchNormalization(axis=1), Dropout(rate=0.5)]
        """,
        """
        from mine import BatchNormalization
        layer = BatchNormalization(mode=2)
        """,
    )
    invalid = (
        Invalid(
            """
            from keras.layers import BatchNormalization
            layer = BatchNormalization(mode=0, axis=1)
            """,
            """
            from keras.layers import BatchNormalization
            layer = BatchNormalization(axis=1)
            """,
        ),
        Invalid(
            """
            from keras.layers import Dropout, Convolution2D
            layers = [Convolution2D(8, 3, border_mode="same"), Dropout(p=0.5)]
            """,
            """
            from keras.layers import Dropout, Convolution2D
            layers = [Convolution2D(8, 3, padding="same"), Dropout(rate=0.5)]
            """,
        ),
        Invalid(
            """
            from keras.layers import Dropout
            model.fit(x, y, nb_epoch=10)
            """,
            """
            from keras.layers import Dropout
            model.fit(x, y, epochs=10)
            """,
        ),
    )

    @classmethod
    def is_worth(cls, text: bytes) -> bool:
        """Most files of Keras models have none of these arguments."""
        # The layers with `p` or `mode` are rare enough by themselves.
        return any(
            word in text for word in (b"Dropout", b"BatchNormalization", b"nb_epoch")
        ) or any(written(text) for written in _WRITTEN)

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every argument."""
        uses_keras = any(name.startswith("keras") for name in source.imported.values())
        for call in source.calls:
            library, _, layer = call.name.rpartition(".")
            gone = _GONE.get(layer, {}) if library == "keras.layers" else {}
            attribute = getattr(call.node.func, "attr", "")
            if uses_keras and attribute in {"fit", "fit_generator"}:
                gone = {"nb_epoch": "epochs="}
            for keyword in call.node.keywords:
                if keyword.arg in gone and (layer or not _is_foreign(source, call.node)):
                    today = gone[keyword.arg]
                    instead = f"write {today}" if today.endswith("=") else "leave it out"
                    yield self.finding(
                        f"{layer or attribute} takes no {keyword.arg}= since Keras 2",
                        source.place(keyword),
                        fix=instead,
                        changes_outputs=not today.endswith("="),
                    )


def _is_foreign(source: Source, fit: ast.Call) -> bool:
    """Whether `fit` is a method of an object of another library's class."""
    receiver = fit.func.value if isinstance(fit.func, ast.Attribute) else fit.func
    written = ast.unparse(receiver)
    values = [receiver] + [
        node.value
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assign) and written in map(ast.unparse, node.targets)
    ]
    made = [source.name(value.func) for value in values if isinstance(value, ast.Call)]
    # A function of another module may well make a Keras model; a class is that of its own library.
    return any(
        name.rpartition(".")[2][:1].isupper() and not name.startswith("keras.") for name in made
    )
