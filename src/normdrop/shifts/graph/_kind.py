"""What a node does, in the words every framework shares."""

from enum import StrEnum


class Kind(StrEnum):
    """What one call does to the tensor that flows through it.

    A node of kind `UNKNOWN` is a call that capture has no description of; it keeps its name,
    inputs and shapes.
    """

    INPUT = "input"
    PARAMETER = "parameter"
    """A parameter or buffer that enters the flow by itself, as in `x * self.scale`."""
    CONSTANT = "constant"
    """A tensor that depends on no input and on no parameter: a mask, a grid, a position."""
    NORM = "norm"
    NOISE = "noise"
    WEIGHT = "weight"
    """A linear map with weights of its own: linear, convolution, embedding, bilinear."""
    ACTIVATION = "activation"
    POOL = "pool"
    RESAMPLE = "resample"
    ADD = "add"
    MULTIPLY = "multiply"
    MATMUL = "matmul"
    """A product of two tensors that both depend on the input."""
    ATTENTION = "attention"
    RECURRENT = "recurrent"
    CONCATENATE = "concatenate"
    RESHAPE = "reshape"
    """The same values in another shape or order, or a part of them; see `Reshape`."""
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """The mode a model was in when it was captured."""

    TRAIN = "train"
    EVAL = "eval"


class Along(StrEnum):
    """What is kept or dropped together by one draw of a noise layer."""

    ELEMENT = "element"
    CHANNEL = "channel"
    SAMPLE = "sample"
    BLOCK = "block"
    """A contiguous region of a feature map, as in DropBlock."""


class Distribution(StrEnum):
    """The distribution of the multiplier a noise layer draws."""

    BERNOULLI = "bernoulli"
    GAUSSIAN = "gaussian"
    UNIFORM = "uniform"
