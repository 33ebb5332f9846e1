"""Linear maps with weights of their own. A new one is a new entry here."""

from dataclasses import dataclass

from normdrop.values.operations._spelling import Function, functions


@dataclass(frozen=True)
class WeightOperation:
    """One linear map under all its names.

    Attributes:
        name: What it is called here.
        family: What graphs call it.
        functions: Those of torch.
        modules: Classes in `torch.nn` that source is searched for.
        arguments: Positional arguments of these classes; lazy ones lack the first.
        keras_layers: Classes in `keras.layers` of any version.
        keras_arguments: Positional arguments of these classes.
    """

    name: str
    family: str
    functions: tuple[Function, ...] = ()
    modules: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    keras_layers: tuple[str, ...] = ()
    keras_arguments: tuple[str, ...] = ("filters", "kernel_size")


_MAPPED = "input weight bias"
_SLID = "in_channels out_channels kernel_size stride padding"

_ALL = (
    WeightOperation(
        "linear",
        "linear",
        functions=functions("torch.nn.functional", "linear", _MAPPED),
        modules=("Linear", "LazyLinear"),
        arguments=("in_features", "out_features", "bias"),
        keras_layers=("Dense",),
        keras_arguments=("units", "activation"),
    ),
    WeightOperation(
        "convolution",
        "convolution",
        functions=functions(
            "torch", "conv1d conv2d conv3d", f"{_MAPPED} stride padding dilation groups"
        ),
        modules=(*("Conv1d", "Conv2d", "Conv3d"), *("LazyConv1d", "LazyConv2d", "LazyConv3d")),
        arguments=(*_SLID.split(), "dilation", "groups", "bias"),
        keras_layers=(
            *("Conv1D", "Conv2D", "Conv3D"),
            *("Convolution1D", "Convolution2D", "Convolution3D"),
        ),
    ),
    WeightOperation(
        "depthwise convolution", "convolution", keras_layers=("DepthwiseConv1D", "DepthwiseConv2D")
    ),
    WeightOperation(
        "separable convolution", "convolution", keras_layers=("SeparableConv1D", "SeparableConv2D")
    ),
    WeightOperation(
        "transposed convolution",
        "transposed convolution",
        functions=functions(
            "torch",
            "conv_transpose1d conv_transpose2d conv_transpose3d",
            f"{_MAPPED} stride padding output_padding groups dilation",
        ),
        modules=(
            *("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
            *("LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d"),
        ),
        arguments=(*_SLID.split(), "output_padding", "groups", "bias", "dilation"),
        keras_layers=(
            *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
            *("Deconvolution2D", "Deconvolution3D"),
        ),
    ),
    WeightOperation(
        "bilinear", "bilinear", functions("torch", "bilinear", "input1 input2 weight bias")
    ),
    WeightOperation(
        "embedding",
        "embedding",
        functions=(
            *functions("torch.nn.functional", "embedding embedding_bag", "input weight"),
            *functions("torch", "embedding embedding_bag", "weight input"),
        ),
        keras_layers=("Embedding",),
    ),
)
WEIGHTS = {each.name: each for each in _ALL}
"""Every linear map with weights by its name."""

PRODUCTS = (
    *functions("torch", "matmul mm bmm", "input other"),
    *functions("torch", "addmm baddbmm", "bias input other"),
)
"""Matrix products, of two tensors that flow or of one and a weight."""
