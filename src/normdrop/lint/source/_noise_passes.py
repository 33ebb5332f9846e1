"""Layers and functions through which noise passes for certain, whatever becomes of its size there.

They have no more details than that: how far they damp noise is never claimed.
"""

from collections.abc import Iterable, Mapping

from normdrop.lint.source._arguments import Arguments
from normdrop.lint.source._values import LayerOperation
from normdrop.shifts.graph import Activation, Details, Kind, Pool, Product, Resample, Reshape, Sum
from normdrop.values.operations import KERAS_RESAMPLINGS, RESAMPLINGS


def keras_passing(name: str, given: Arguments) -> tuple[LayerOperation, ...] | None:
    """What a class of `keras.layers` does that lets noise through; None for another."""
    if name in KERAS_RESAMPLINGS:
        method = given.text("interpolation", 2, "nearest")
        return (LayerOperation(Kind.RESAMPLE, name, Resample(method or "linear", ())),)
    kind = _KERAS.get(name)
    return None if kind is None else (_made(kind, name),)


def torch_passing(name: str) -> tuple[LayerOperation, ...] | None:
    """What a class of `torch.nn` does that lets noise through; None for another."""
    kind = _MODULES.get(name)
    return None if kind is None else (_made(kind, name),)


def passing_function(name: str) -> LayerOperation | None:
    """What a function or method of torch makes of all tensors among its arguments."""
    kind = _FUNCTIONS.get(name) or _FUNCTIONS.get(name.rstrip("_"))
    return None if kind is None else _made(kind, name)


def _made(kind: Kind, name: str) -> LayerOperation:
    details = _DETAILS.get(kind)
    if kind is Kind.ACTIVATION:
        details = Activation(name)
    return LayerOperation(kind, name, details)


_DETAILS: Mapping[Kind, Details] = {
    Kind.ADD: Sum(()),
    Kind.MULTIPLY: Product(()),
    Kind.RESHAPE: Reshape("select"),
    Kind.RESAMPLE: Resample("linear", ()),
    Kind.POOL: Pool("sum", (), (), (), ((0, 0),), ()),
}


def _table(rows: Iterable[tuple[Kind, str]]) -> Mapping[str, Kind]:
    return {name: kind for kind, names in rows for name in names.split()}


_KERAS = _table(
    (
        (Kind.RESAMPLE, "Resizing"),
        (Kind.ADD, "GaussianNoise"),
        (Kind.MULTIPLY, "Rescaling UnitNormalization"),
        (Kind.RESHAPE, "Masking"),
        (Kind.RECURRENT, "RNN SimpleRNN LSTM GRU CuDNNLSTM CuDNNGRU"),
        (Kind.RECURRENT, "ConvLSTM1D ConvLSTM2D ConvLSTM3D"),
        (Kind.ATTENTION, "Attention AdditiveAttention MultiHeadAttention GroupQueryAttention"),
        (Kind.MATMUL, "LocallyConnected1D LocallyConnected2D EinsumDense"),
    )
)
KERAS_PASSING = frozenset((*_KERAS, *KERAS_RESAMPLINGS))
"""The classes of `keras.layers` that are read here."""
_MODULES = _table(
    (
        (Kind.RESAMPLE, "Upsample UpsamplingNearest2d UpsamplingBilinear2d"),
        *(
            (Kind.RESHAPE, f"{how}Pad{rank}d")
            for how in ("Zero", "Constant", "Reflection", "Replication", "Circular")
            for rank in (1, 2, 3)
        ),
        (Kind.RESHAPE, "Fold Unfold"),
        (Kind.POOL, "LPPool1d LPPool2d LPPool3d FractionalMaxPool2d FractionalMaxPool3d"),
        (Kind.MULTIPLY, "LocalResponseNorm CrossMapLRN2d"),
        (Kind.MATMUL, "Bilinear"),
        (Kind.RECURRENT, "RNN LSTM GRU RNNCell LSTMCell GRUCell"),
        (Kind.ATTENTION, "MultiheadAttention TransformerEncoder TransformerEncoderLayer"),
        (Kind.ATTENTION, "TransformerDecoder TransformerDecoderLayer Transformer"),
    )
)
_FUNCTIONS = _table(
    (
        *((Kind.RESAMPLE, each.name) for each in RESAMPLINGS),
        (Kind.RESAMPLE, "grid_sample"),
        (Kind.RESHAPE, "pad fold unfold pixel_shuffle pixel_unshuffle chunk split unbind"),
        (Kind.RESHAPE, "narrow select index_select gather take masked_select movedim moveaxis"),
        (Kind.RESHAPE, "swapaxes t masked_fill masked_scatter where tril triu diagonal"),
        (Kind.RESHAPE, "hsplit vsplit tensor_split rearrange atleast_2d atleast_3d nan_to_num"),
        (Kind.POOL, "sum max min amax amin logsumexp std var norm median cumsum prod topk"),
        (Kind.MATMUL, "matmul bmm mm baddbmm addmm einsum dot outer cdist linear bilinear"),
        (Kind.MATMUL, "conv1d conv2d conv3d conv_transpose1d conv_transpose2d"),
        (Kind.ATTENTION, "scaled_dot_product_attention"),
        (Kind.ADD, "add sub lerp"),
        (Kind.MULTIPLY, "mul div multiply true_divide normalize"),
        (Kind.ACTIVATION, "exp log log1p expm1 sqrt rsqrt abs square pow clamp clip sin cos"),
        (Kind.ACTIVATION, "neg reciprocal sign round floor ceil erf atan"),
    )
)
