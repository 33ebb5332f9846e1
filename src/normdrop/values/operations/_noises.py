"""Noise: layers and functions that drop or jitter values, and the draws that others make it of.

A new noise layer of a framework is a new entry of `NOISES`, a new way to draw one of `DRAWS`.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from normdrop.values.operations._spelling import Function, functions

Law: TypeAlias = Literal["bernoulli", "alpha", "gaussian", "uniform", "additive"]
Along: TypeAlias = Literal["element", "channel"]


@dataclass(frozen=True)
class NoiseOperation:
    """One noise under all its names.

    Attributes:
        name: What it is called here.
        law: What it multiplies by: `"bernoulli"` (second moment factor 1 / (1 - rate), the mean
            kept), `"gaussian"` (the same factor), `"uniform"` (1 + beta² / 3); `"alpha"` is dropout
            that keeps mean 0 and variance 1 instead of the mean; `"additive"` multiplies nothing.
        along: What one draw covers, unless the layer is told otherwise.
        strength: The argument of its layers that says how strong it is, in torch and in Keras.
        functions: Those of torch; each takes `input`, its strength and whether it is on.
        modules: Classes in `torch.nn`.
        keras_layers: Classes in `keras.layers`.
        own: The class of this name in `normdrop.torch.layers` and `normdrop.keras.layers`.
        in_order: Its token in an order.
        summary: What the token means, for the table of tokens.
        usual: The strength that a block assumes where none is written, if it is always the same.
    """

    name: str
    law: Law
    along: Along = "element"
    strength: tuple[str, str] = ("p", "rate")
    functions: tuple[Function, ...] = ()
    modules: tuple[str, ...] = ()
    keras_layers: tuple[str, ...] = ()
    own: str = ""
    in_order: str = ""
    summary: str = ""
    usual: float | None = None


_FUNCTIONAL = ("input", "p", "training", "inplace")


def _functional(names: str, *, training: bool) -> tuple[Function, ...]:
    home = "torch.nn.functional"
    return tuple(Function(f"{home}.{name}", _FUNCTIONAL, training) for name in names.split())


def _plain(names: str) -> tuple[Function, ...]:
    return functions("torch", names, "input p train")


NOISES = (
    NoiseOperation(
        "dropout",
        "bernoulli",
        functions=(
            *_functional("dropout", training=True),
            *_plain("dropout dropout_ native_dropout"),
        ),
        modules=("Dropout",),
        keras_layers=("Dropout",),
        in_order="drop",
        summary="dropout",
    ),
    NoiseOperation(
        "channel_dropout",
        "bernoulli",
        "channel",
        functions=(
            *_functional("dropout1d dropout2d dropout3d", training=True),
            *_plain("feature_dropout feature_dropout_"),
        ),
        modules=("Dropout1d", "Dropout2d", "Dropout3d"),
        keras_layers=("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    ),
    NoiseOperation(
        "alpha_dropout",
        "alpha",
        functions=(
            *_functional("alpha_dropout", training=False),
            *_plain("alpha_dropout alpha_dropout_"),
        ),
        modules=("AlphaDropout",),
        keras_layers=("AlphaDropout",),
    ),
    NoiseOperation(
        "feature_alpha_dropout",
        "alpha",
        "channel",
        functions=(
            *_functional("feature_alpha_dropout", training=False),
            *_plain("feature_alpha_dropout feature_alpha_dropout_"),
        ),
        modules=("FeatureAlphaDropout",),
    ),
    NoiseOperation(
        "gaussian_dropout",
        "gaussian",
        keras_layers=("GaussianDropout",),
        own="GaussianDropout",
        in_order="gaussian",
        summary="Gaussian dropout",
    ),
    NoiseOperation(
        "uniform_dropout",
        "uniform",
        strength=("beta", "beta"),
        own="UniformDropout",
        in_order="uniform",
        summary="uniform dropout",
        usual=0.1,
    ),
    NoiseOperation(
        "gaussian_noise", "additive", strength=("", "stddev"), keras_layers=("GaussianNoise",)
    ),
)

DRAWS = (
    *functions(
        "torch",
        "rand rand_like randn randn_like randint randint_like randperm bernoulli normal "
        "multinomial poisson binomial rrelu rrelu_",
    ),
    *functions(
        "torch.Tensor",
        "bernoulli bernoulli_ multinomial uniform_ normal_ random_ exponential_ cauchy_ "
        "geometric_ log_normal_",
    ),
    *functions("torch.nn.functional", "rrelu rrelu_"),
)
"""Functions that draw random numbers whatever the mode: whoever calls one in train mode alone makes
noise of it."""

ATTENTIONS = (
    Function(
        "torch.nn.functional.scaled_dot_product_attention",
        ("query", "key", "value", "attn_mask", "dropout_p"),
    ),
    Function(
        "torch.nn.functional.multi_head_attention_forward",
        (
            *("query", "key", "value", "embed_dim_to_check", "num_heads"),
            *("in_proj_weight", "in_proj_bias", "bias_k", "bias_v", "add_zero_attn", "dropout_p"),
            *("out_proj_weight", "out_proj_bias", "training"),
        ),
    ),
)
"""Attention, which drops some of its weights at the rate `dropout_p`."""

HAND_WRITTEN = ("drop_path", "stochastic_depth")
"""What libraries and users call functions of their own that drop whole branches."""

KERAS_STRENGTHS = (
    *dict.fromkeys(noise.strength[1] for noise in NOISES if noise.keras_layers),
    *("dropout", "recurrent_dropout"),
)
"""Attributes of Keras layers that say how strong their noise is; the last two are those of
attention and recurrent layers."""

CALLS_OF_NOISE = frozenset(
    {
        *(each.name for noise in NOISES for each in noise.functions),
        *(each.name for each in (*DRAWS, *ATTENTIONS)),
        *HAND_WRITTEN,
        "dropout_p",
    }
)
"""Names in the code of a module that makes noise itself, as functions or as an argument's name."""
