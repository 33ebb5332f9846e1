"""What rearranges, selects, repeats or copies values. A new name is a new word here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShapeOperation:
    """One way to rearrange values under all its names.

    Attributes:
        how: What graphs call it; see `Reshape` in `normdrop.shifts.graph`.
        functions: Names of functions, methods and properties of torch.
        modules: Classes in `torch.nn`.
        keras_layers: Classes in `keras.layers`.
        keras_operations: Classes behind functions in `keras.ops`.
    """

    how: str
    functions: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    keras_layers: tuple[str, ...] = ()
    keras_operations: tuple[str, ...] = ()


SHAPES = (
    ShapeOperation(
        "view",
        functions=(
            *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze"),
            *("view_as", "reshape_as", "ravel"),
        ),
        modules=("Flatten", "Unflatten"),
        keras_layers=("Flatten", "Reshape"),
        keras_operations=("Reshape", "Ravel", "Squeeze", "ExpandDims"),
    ),
    ShapeOperation(
        "copy",
        functions=(
            *("clone", "contiguous", "to", "float", "half", "double", "bfloat16", "type"),
            *("type_as", "detach", "data", "alias", "cpu", "cuda", "requires_grad", "real"),
            *("positive", "pin_memory"),
        ),
        keras_layers=("Identity", "ActivityRegularization"),
        keras_operations=("Cast", "Identity", "StopGradient", "Copy"),
    ),
    ShapeOperation(
        "repeat",
        functions=(
            *("expand", "expand_as", "broadcast_to", "repeat", "tile", "repeat_interleave"),
        ),
        keras_layers=("RepeatVector",),
        keras_operations=("Repeat", "Tile", "BroadcastTo"),
    ),
    ShapeOperation(
        "reorder",
        functions=(
            *("flip", "fliplr", "flipud", "roll", "rot90"),
            *("pixel_shuffle", "pixel_unshuffle", "channel_shuffle"),
        ),
        modules=("PixelShuffle", "PixelUnshuffle", "ChannelShuffle"),
        keras_operations=("Flip", "Roll", "Sort"),
    ),
    ShapeOperation(
        "select",
        functions=(
            *("index_select", "gather", "take", "take_along_dim", "masked_select", "unfold"),
        ),
        keras_operations=("Take", "TakeAlongAxis"),
    ),
    ShapeOperation("permute", functions=("permute", "transpose"), keras_layers=("Permute",)),
    ShapeOperation("pad", keras_layers=("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")),
    ShapeOperation("slice", keras_layers=("Cropping1D", "Cropping2D", "Cropping3D")),
)
"""Every way to rearrange values. Those whose arguments say which value goes where have readers of
their own in each capture."""
