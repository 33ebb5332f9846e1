"""Any tensor, times noise shared along the axes asked for.

`torch.ops.normdrop.multiply_noise` is the engine as an operator that torch can see through. A mask
is a linear map, so the gradient of `m·x` is `m·gradient`: the operation is its own backward pass,
under the same key, and the backward of that as well. All that is kept for it is the key.

The key is an argument, drawn outside with torch's own generator, so seeds, `fork_rng`, activation
checkpointing and vmap's rules for randomness hold without a line about them here. To
`torch.compile` the operator is one opaque node. It is defined in the plainest way torch has, as a
small layer is called often: `torch.library.custom_op` with its autograd took longer for each call.
"""

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

from normdrop.errors import NoiseError
from normdrop.torch.noise import _engine
from normdrop.values.noise import Along, check_along

KEY_WORDS = 4

_Dimension: TypeAlias = int | None

_library = torch.library.Library("normdrop", "DEF")  # type: ignore[no-untyped-call]
_SCHEMA = "multiply_noise(Tensor x, Tensor keys, str kind, float amount) -> Tensor"
_library.define(_SCHEMA)  # type: ignore[no-untyped-call]
_library.impl("multiply_noise", _engine.multiply_masked, "CPU")  # type: ignore[no-untyped-call]
_operator = torch.ops.normdrop.multiply_noise.default


@torch.library.register_fake("normdrop::multiply_noise", lib=_library)  # type: ignore[untyped-decorator]
def _shape(x: Tensor, keys: Tensor, kind: str, amount: float) -> Tensor:  # noqa: ARG001 - schema's
    """What the result looks like: `x`, in row-major order."""
    return torch.empty_like(x, memory_format=torch.contiguous_format)


class _MultiplyNoise(Function):
    """The operator with its gradient and its rule for vmap."""

    @staticmethod
    def forward(x: Tensor, keys: Tensor, kind: str, amount: float) -> Tensor:
        product: Tensor = _operator(x, keys, kind, amount)
        return product

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ANN401, ARG004
        _, keys, ctx.kind, ctx.amount = inputs
        ctx.save_for_backward(keys)
        ctx.save_for_forward(keys)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # noqa: ANN401
        (keys,) = ctx.saved_tensors
        return multiply_by_key(gradient, keys, ctx.kind, ctx.amount), None, None, None

    @staticmethod
    def vmap(  # noqa: PLR0917 - torch calls it so
        info: Any,  # noqa: ANN401 - torch does not export its type
        in_dims: tuple[_Dimension, ...],
        x: Tensor,
        keys: Tensor,
        kind: str,
        amount: float,
    ) -> tuple[Tensor, int]:
        """An example is a block, or as many as it had: with its own key, or with the shared one."""
        x = _batch_first(x, in_dims[0], info.batch_size)
        keys = _batch_first(keys, in_dims[1], info.batch_size)
        return multiply_by_key(x, keys.reshape(-1, KEY_WORDS), kind, amount), 0


class _MultiplyNoiseForward(_MultiplyNoise):
    """The same with its rule for forward mode, with which `torch.compile` takes no function."""

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:  # noqa: ANN401
        (keys,) = ctx.saved_tensors
        return multiply_by_key(tangent, keys, ctx.kind, ctx.amount)


# What `Function.apply` calls itself where no transform of torch.func is at work. On its way there
# it inspects the signature of `forward` at every call, which takes as long as all the rest.
_apply = super(Function, _MultiplyNoiseForward).apply


def multiply_by_key(x: Tensor, keys: Tensor, kind: str, amount: float) -> Tensor:
    """`x`, cut into as many equal blocks as there are keys, times the mask of each block's key."""
    product: Tensor
    if torch.compiler.is_compiling():
        product = _MultiplyNoise.apply(x, keys, kind, amount)  # type: ignore[no-untyped-call]
    elif torch._C._are_functorch_transforms_active():  # noqa: SLF001 - no public name
        product = _MultiplyNoiseForward.apply(x, keys, kind, amount)  # type: ignore[no-untyped-call]
    elif _is_followed(x):
        product = _apply(x, keys, kind, amount)  # type: ignore[no-untyped-call]
    else:
        product = _operator(x, keys, kind, amount)
    return product


def _is_followed(x: Tensor) -> bool:
    """Whether autograd wants to know what becomes of `x`, in backward or in forward mode."""
    return (x.requires_grad and torch.is_grad_enabled()) or forward_ad._current_level >= 0  # noqa: SLF001


def _batch_first(x: Tensor, dimension: _Dimension, size: int) -> Tensor:
    """`x` with the axis that vmap hides in front, or repeated along a new one."""
    return x.expand(size, *x.shape) if dimension is None else x.movedim(dimension, 0)


Kind: TypeAlias = Literal["bernoulli", "gaussian", "uniform"]

_AXES: dict[Along, int] = {"channel": 2, "sample": 1}
_IMAGE_DIMENSIONS = (4, 5)


def multiply_noise(x: Tensor, kind: Kind, amount: float, along: Along = "element") -> Tensor:
    """`x` times a fresh mask.

    Args:
        x: Any floating-point tensor.
        kind: The distribution of the mask.
        amount: Its parameter: the rate of Bernoulli noise, the standard deviation of Gaussian
            noise, the half-width of uniform noise. At 0, `x` itself comes back.
        along: What shares one mask value.

    Raises:
        NoiseError: `x` has too few axes for `along`, or is not floating-point.
    """
    if not x.is_floating_point():
        raise NoiseError(
            f"noise multiplies floating-point tensors, not {x.dtype}: convert it first"
        )
    if amount == 0.0 or x.numel() == 0:
        return x
    if kind == "bernoulli" and amount == 1.0:
        return x * 0.0
    if check_along(along) != "element":
        return (x * _mask(x, _mask_shape(x, along), kind, amount)).to(x.dtype)
    if x.device.type != "cpu":
        return _multiply_native(x, kind, amount)
    if x.is_contiguous() or not _is_channels_last(x):
        return multiply_by_key(x, _draw_key(), kind, amount)
    y = multiply_by_key(x.movedim(1, -1), _draw_key(), kind, amount)
    return y.movedim(-1, 1)


def _draw_key() -> Tensor:
    """128 bits from torch's default generator: four words, int64 of shape (1, 4)."""
    return torch.randint(0, 1 << 32, (1, KEY_WORDS), dtype=torch.int64)


def _is_channels_last(x: Tensor) -> bool:
    """Whether the channels, axis 1, vary fastest in memory and no unit lies apart."""
    return x.ndim in _IMAGE_DIMENSIONS and x.movedim(1, -1).is_contiguous()


def _mask(x: Tensor, shape: list[int], kind: Kind, amount: float) -> Tensor:
    """A mask of its own shape, in float32 at least, which rounds the product only once."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    return multiply_noise(x.new_ones(shape, dtype=dtype), kind, amount)


def _multiply_native(x: Tensor, kind: Kind, amount: float) -> Tensor:
    """Noise from the generator of the device of `x`."""
    if kind == "bernoulli":
        return torch.nn.functional.dropout(x, amount)
    if kind == "gaussian":
        return x * (1.0 + amount * torch.randn_like(x))
    return x * (1.0 + amount * (2.0 * torch.rand_like(x) - 1.0))


def _mask_shape(x: Tensor, along: Along) -> list[int]:
    """One mask value per sample or per channel, with axes of size 1 for the rest."""
    axes = _AXES[along]
    if x.ndim < axes:
        layout = "(N, C, ...)" if along == "channel" else "(N, ...)"
        raise NoiseError(
            f"along={along!r} needs an input of shape {layout}, but it has shape {tuple(x.shape)}"
        )
    return [*x.shape[:axes], *[1] * (x.ndim - axes)]
