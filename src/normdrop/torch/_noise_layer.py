"""What the noise layers share: all that a reader of models has to know of them.

Apart from the layers, so that reading a model takes nothing of how their noise is made.
"""

from collections.abc import Callable
from typing import Any, Never

from torch import Tensor, nn
from torch.fx import Proxy

from normdrop.errors import NoiseError
from normdrop.values.noise import Along, Noise, check_along


class NoiseLayer(nn.Module):
    """A layer that multiplies its input by noise in train mode and passes it on in eval mode.

    A new noise layer derives from this class, says what its `noise` is and calls its own function
    in `multiply`.
    """

    def __init__(self, along: Along) -> None:
        super().__init__()
        self.along = check_along(along)

    @property
    def noise(self) -> Noise:
        """The distribution of the mask, from the layer's current parameters."""
        raise NotImplementedError

    @property
    def second_moment_factor(self) -> float:
        """E[m²] of the mask m: what train mode multiplies the second moment of the input by."""
        return self.noise.second_moment_factor

    def multiply(self, x: Tensor) -> Tensor:
        """`x` times a fresh mask in train mode, `x` in eval mode; shape and dtype of `x`."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """`x` times a fresh mask in train mode, `x` in eval mode; shape and dtype of `x`."""
        # torch.fx takes none but torch's own layers as they are. It would look into this one and
        # keep the mode of the moment for good, so that what it makes could not leave train mode.
        return _recorded_layer(x, self) if is_recorded(x) else self.multiply(x)

    def __prepare_scriptable__(self) -> Never:
        """What torch.jit.script asks first of a layer, alone or in a model.

        Raises:
            NoiseError: Always: TorchScript knows no generator of masks.
        """
        raise NoiseError(
            f"torch.jit.script cannot take {type(self).__name__} of normdrop: use torch.export, or "
            "torch.jit.trace on the model in eval mode"
        )


def is_recorded(x: object) -> bool:
    """Whether this is what torch.fx shows to a model in place of a tensor."""
    return isinstance(x, Proxy)


def recorded(x: Any, function: Callable[..., Tensor], *arguments: object, along: Along) -> Tensor:  # noqa: ANN401 - a proxy
    """A call of one of our functions in the graph that torch.fx makes, as one of torch's own is."""
    call: Tensor = x.tracer.create_proxy(
        "call_function", function, (x, *arguments), {"along": along}
    )
    return call


def _recorded_layer(x: Any, layer: NoiseLayer) -> Tensor:  # noqa: ANN401 - a proxy
    """A layer, as it is, in the graph that torch.fx makes."""
    call: Tensor = x.tracer.create_proxy("call_module", x.tracer.path_of_module(layer), (x,), {})
    return call
