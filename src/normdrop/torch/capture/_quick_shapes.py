"""Shapes of the commonest operations, without asking torch.

On the `meta` device many torch functions run as Python references: milliseconds a call, and the
first one imports a compiler. What a recorded call needs is only the shape that comes out. Wherever
the answer is not plain, or would be an error, None leaves the call to torch, with its own words.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from normdrop.torch.capture._call import per_axis
from normdrop.torch.capture._table import bound, entry_of
from normdrop.values.operations import ACTIVATIONS, NOISES

Arguments = Mapping[str, Any]
Rule = Callable[[Arguments], Tensor | None]


def quick_result(
    function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Tensor | None:
    """What a call returns, if a rule knows it."""
    if name == "cat" and not kwargs.get("out"):
        return _join(bound(("tensors", "dim"), args, kwargs))
    rule, entry = RULES.get(name), entry_of(function, name)
    if rule is None or entry is None or "out" in kwargs or "dtype" in kwargs:
        return None
    named = bound(entry.arguments, args, kwargs)
    try:
        first = named["input"]
        if not isinstance(first, Tensor) or not _plain(first):
            return None
        in_place = bool(named.get("inplace")) or _spelled_in_place(function)
        result = rule(named)
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    if result is None or not in_place:
        return result
    return first.relu_() if result.shape == first.shape else None


def _spelled_in_place(function: Callable[..., Any]) -> bool:
    name = str(getattr(function, "__name__", ""))
    return (name.endswith("_") and not name.endswith("__")) or name.startswith("__i")


def _plain(tensor: Tensor) -> bool:
    """Whether a tensor is a stand-in whose results have the usual layout."""
    return tensor.is_meta and tensor.is_floating_point() and tensor.is_contiguous()


def _new(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device="meta")


def _same(named: Arguments) -> Tensor:
    x: Tensor = named["input"]
    return _new(x, tuple(x.shape))


def _drop(named: Arguments) -> Tensor | None:
    """Dropout that is on; what is off returns its input, and a rate out of range is an error."""
    if not named.get("training", named.get("train", True)) or not 0 <= named.get("p", 0.5) <= 1:
        return None
    return _same(named)


def _normalize(named: Arguments) -> Tensor | None:
    """Batch and instance norm, if every vector has as many values as there are channels."""
    x = named["input"]
    vectors = [named.get(role) for role in ("weight", "bias", "running_mean", "running_var")]
    fits = all(each is None or each.numel() == x.shape[1] for each in vectors)
    several = x.numel() > x.shape[1]
    return _same(named) if fits and several and x.ndim > 1 else None


def _normalize_last(named: Arguments) -> Tensor | None:
    shape = named["normalized_shape"]
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return _same(named) if tuple(named["input"].shape[-len(shape) :]) == shape else None


def _normalize_groups(named: Arguments) -> Tensor | None:
    return None if named["input"].shape[1] % named["num_groups"] else _normalize(named)


def _binary(named: Arguments) -> Tensor | None:
    """Arithmetic whose result has the shape of the first operand."""
    x, other = named["input"], named["other"]
    if named.get("rounding_mode") is not None:
        return None
    if isinstance(other, int | float):
        return _same(named)
    if not _plain(other) or other.dtype != x.dtype:
        return None
    padded = (1,) * (x.ndim - other.ndim) + tuple(other.shape)
    fits = len(padded) == x.ndim and all(
        extent in {1, whole} for extent, whole in zip(padded, x.shape, strict=True)
    )
    return _same(named) if fits else None


def _linear(named: Arguments) -> Tensor | None:
    x, weight, bias = named["input"], named["weight"], named.get("bias")
    fits = weight.ndim == 2 and x.shape[-1] == weight.shape[1] and x.dtype == weight.dtype  # noqa: PLR2004 - a matrix
    if not fits or (bias is not None and bias.shape != weight.shape[:1]):
        return None
    return _new(x, (*x.shape[:-1], weight.shape[0]))


def _slid(
    extents: tuple[int, ...], kernel: tuple[int, ...], named: Arguments, *, stride: object
) -> tuple[int, ...] | None:
    """Extents after sliding a window, as for convolution and pooling."""
    rank = len(kernel)
    padding = named.get("padding", 0)
    steps = per_axis(stride, rank, 1)  # type: ignore[arg-type]
    if padding == "same":
        return extents if set(steps) == {1} else None
    widths = (0,) * rank if padding == "valid" else per_axis(padding, rank)
    spacing = per_axis(named.get("dilation"), rank, 1)
    found = tuple(
        (extent + 2 * width - space * (size - 1) - 1) // step + 1
        for extent, width, space, size, step in zip(
            extents, widths, spacing, kernel, steps, strict=True
        )
    )
    return found if min(found) > 0 else None


def _convolve(named: Arguments) -> Tensor | None:
    x, weight, bias = named["input"], named["weight"], named.get("bias")
    fits = (
        x.ndim == weight.ndim
        and x.shape[1] == weight.shape[1] * named.get("groups", 1)
        and x.dtype == weight.dtype
        and weight.is_contiguous()
        and (bias is None or bias.shape == weight.shape[:1])
    )
    if not fits:
        return None
    kernel = tuple(weight.shape[2:])
    spatial = _slid(tuple(x.shape[2:]), kernel, named, stride=named.get("stride"))
    return None if spatial is None else _new(x, (x.shape[0], weight.shape[0], *spatial))


def _pool(rank: int, named: Arguments) -> Tensor | None:
    x = named["input"]
    if named.get("ceil_mode") or x.ndim != rank + 2:
        return None
    kernel = per_axis(named["kernel_size"], rank)
    padding = per_axis(named.get("padding", 0), rank)
    if any(2 * width > size for width, size in zip(padding, kernel, strict=True)):
        return None
    stride = named.get("stride") or kernel
    spatial = _slid(tuple(x.shape[2:]), kernel, named, stride=stride)
    return None if spatial is None else _new(x, (*x.shape[:2], *spatial))


def _adapt(rank: int, named: Arguments) -> Tensor | None:
    x, sizes = named["input"], named["output_size"]
    wanted = (sizes,) * rank if isinstance(sizes, int) else tuple(sizes)
    if x.ndim != rank + 2 or len(wanted) != rank:
        return None
    spatial = [
        extent if size is None else size for size, extent in zip(wanted, x.shape[2:], strict=True)
    ]
    return _new(x, (*x.shape[:2], *spatial))


def _average(named: Arguments) -> Tensor | None:
    x, axes = named["input"], named["dim"]
    kept = bool(named.get("keepdim"))
    pooled = {axis % x.ndim for axis in ((axes,) if isinstance(axes, int) else axes)}
    shape = (1 if axis in pooled else extent for axis, extent in enumerate(x.shape))
    left = (extent for axis, extent in enumerate(x.shape) if axis not in pooled)
    return _new(x, tuple(shape if kept else left)) if pooled else None


def _join(named: Arguments) -> Tensor | None:
    """The concatenation of tensors that fit side by side."""
    parts, dim = list(named["tensors"]), named.get("dim", 0)
    fits = parts and all(_plain(each) and each.dtype == parts[0].dtype for each in parts)
    if not fits or not isinstance(dim, int) or not -parts[0].ndim <= dim < parts[0].ndim:
        return None
    shapes = [list(each.shape) for each in parts]
    if any(len(shape) != parts[0].ndim for shape in shapes):
        return None
    total = sum(shape.pop(dim) for shape in shapes)
    if any(shape != shapes[0] for shape in shapes):
        return None
    whole = list(parts[0].shape)
    whole[dim] = total
    return _new(parts[0], tuple(whole)) if math.prod(whole) else None


def _rules() -> dict[str, Rule]:
    same = [name for each in ACTIVATIONS.values() if each.function for name in each.functions]
    made: dict[str, Rule] = dict.fromkeys([*same, "neg"], _same)
    drops = (each for noise in NOISES if noise.law == "bernoulli" for each in noise.functions)
    functional = [each.name for each in drops if "functional" in each.address]
    made |= dict.fromkeys(functional, _drop)
    made |= dict.fromkeys(("batch_norm", "instance_norm"), _normalize)
    made |= dict.fromkeys(("layer_norm", "rms_norm"), _normalize_last)
    made |= dict.fromkeys(("add", "sub", "mul", "div", "iadd", "isub", "imul"), _binary)
    made |= {"group_norm": _normalize_groups, "linear": _linear, "mean": _average}
    for rank in (1, 2, 3):
        made[f"conv{rank}d"] = _convolve
        made[f"max_pool{rank}d"] = made[f"avg_pool{rank}d"] = partial(_pool, rank)
        made[f"adaptive_avg_pool{rank}d"] = partial(_adapt, rank)
    return made


RULES = _rules()
"""What comes out of an operation, by its name."""
