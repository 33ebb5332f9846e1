"""`torch.ops.normdrop.multiply_noise`: the engine as an operator that torch can see through.

A mask is a linear map, so the gradient of `m·x` is `m·gradient`: the operation is its own backward
pass, under the same key, and the backward of that as well. All that is kept for it is the key.

The key is an argument, drawn outside with torch's own generator, so seeds, `fork_rng`, activation
checkpointing and vmap's rules for randomness hold without a line about them here. To
`torch.compile` the operator is one opaque node. It is defined in the plainest way torch has, as a
small layer is called often: `torch.library.custom_op` with its autograd took longer for each call.
"""

from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

from normdrop.torch.noise import _engine

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
        """The tangent times the same mask."""
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
