"""The activations that `act(...)` knows by name."""

# Each name has its layer in every framework's blocks; a test fails where one lacks it.
ACTIVATIONS = (
    "elu",
    "gelu",
    "hardswish",
    "leaky_relu",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
)
