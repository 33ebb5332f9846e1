"""Recognising what rearranges, selects, repeats or joins values."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from normdrop.shifts.graph import Concatenate, Kind, Reshape
from normdrop.torch.capture._call import Call, CallReader, Description, entry
from normdrop.values.operations import SHAPES

Slices = list[tuple[int, int, int]]


def _plain(how: str, call: Call) -> Description:
    return Description(Kind.RESHAPE, Reshape(how), sources=[call.x])


def _permute(call: Call) -> Description | None:
    """`permute(0, 2, 1)` and `permute((0, 2, 1))`."""
    axes = call.get("dims")
    if isinstance(axes, int):
        axes = call.positional[1:]
    return None if axes is None else _permuted(call, [axis % call.x.ndim for axis in axes])


def _swap(call: Call) -> Description:
    order = list(range(call.x.ndim))
    first, second = int(call.get("dim0", 0)), int(call.get("dim1", 1))
    order[first], order[second] = order[second], order[first]
    return _permuted(call, order)


def _swap_last(call: Call) -> Description:
    order = list(range(call.x.ndim))
    order[-2:] = reversed(order[-2:])
    return _permuted(call, order)


def _reverse_axes(call: Call) -> Description:
    return _permuted(call, list(reversed(range(call.x.ndim))))


def _move(call: Call) -> Description:
    sources, targets = (
        [each] if isinstance(each, int) else list(each)
        for each in (call.get("source"), call.get("destination"))
    )
    rank = call.x.ndim
    moved = {t % rank: s % rank for s, t in zip(sources, targets, strict=True)}
    rest = iter(axis for axis in range(rank) if axis not in moved.values())
    return _permuted(call, [moved[axis] if axis in moved else next(rest) for axis in range(rank)])


def _permuted(call: Call, order: Sequence[int]) -> Description:
    details = Reshape("permute", permutation=tuple(order))
    return Description(Kind.RESHAPE, details, sources=[call.x])


def _whole(call: Call) -> Slices:
    return [(0, extent, 1) for extent in call.shape]


def _sliced(call: Call, slices: Slices) -> Description:
    return Description(Kind.RESHAPE, Reshape("slice", slices=tuple(slices)), sources=[call.x])


def _getitem(call: Call) -> Description:
    """Integers, slices, None and `...` are a part along axes; anything else is a choice."""
    index = call.get("index")
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(not isinstance(part, int | slice | None) and part is not ... for part in parts) or any(
        isinstance(part, bool) for part in parts
    ):
        return Description(Kind.RESHAPE, Reshape("select"))
    slices = _whole(call)
    taken = sum(part is not None and part is not ... for part in parts)
    axis = 0
    for part in parts:
        if part is None:
            continue
        if part is ...:
            axis += len(slices) - taken
            continue
        extent = slices[axis][1]
        if isinstance(part, int):
            slices[axis] = (part % extent, part % extent + 1, 1)
        elif isinstance(part, slice):
            slices[axis] = _bounds(part, extent)
        axis += 1
    return _sliced(call, slices)


def _bounds(part: slice, extent: int) -> tuple[int, int, int]:
    plain = [None if each is None else int(each) for each in (part.start, part.stop, part.step)]
    return slice(*plain).indices(extent)


def _narrow(call: Call) -> Description | None:
    start, length = call.get("start"), call.get("length")
    if isinstance(start, Tensor):
        return None
    return _part(call, int(call.get("dim")), int(start), int(length))


def _select(call: Call) -> Description:
    return _part(call, int(call.get("dim")), int(call.get("index")), 1)


def _part(call: Call, dim: int, start: int, length: int) -> Description:
    axis = dim % call.x.ndim
    slices = _whole(call)
    first = start % call.shape[axis] if start < 0 else start
    slices[axis] = (first, first + length, 1)
    return _sliced(call, slices)


def _split(call: Call) -> Description:
    """One of the parts that split, chunk and unbind yield: those before it say where it starts."""
    axis = int(call.get("dim", 0)) % call.x.ndim
    if call.name == "unbind":
        return _part(call, axis, call.output, 1)
    start = sum(int(part.shape[axis]) for part in call.outputs[: call.output])
    return _part(call, axis, start, int(call.outputs[call.output].shape[axis]))


def _pad(call: Call) -> Description:
    """`pad` lists the last axis first."""
    widths = [int(each) for each in call.get("pad")]
    pairs = list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    padding = ((0, 0),) * (call.x.ndim - len(pairs)) + tuple(pairs)
    constant = call.get("mode", "constant") == "constant"
    value = float(call.get("value") or 0.0) if constant else float("nan")
    return Description(Kind.RESHAPE, Reshape("pad", padding=padding, value=value), sources=[call.x])


def _concatenate(call: Call, *, new_axis: bool) -> Description:
    axis = int(call.get("dim", call.get("axis", 0))) % call.outputs[0].ndim
    return Description(Kind.CONCATENATE, Concatenate(axis, new_axis))


def _entries() -> dict[str, CallReader]:
    made = {
        name: entry("input", partial(_plain, shape.how))
        for shape in SHAPES
        for name in shape.functions
    }
    swap = entry("input dim0 dim1", _swap)
    made |= dict.fromkeys(("transpose", "swapaxes", "swapdims", "t"), swap)
    made |= dict.fromkeys(("mT", "adjoint"), entry("input", _swap_last))
    made |= dict.fromkeys(("movedim", "moveaxis"), entry("input source destination", _move))
    made |= dict.fromkeys(("chunk", "split", "tensor_split"), entry("input parts dim", _split))
    joined = entry("tensors dim", partial(_concatenate, new_axis=False))
    made |= dict.fromkeys(("cat", "concat", "concatenate"), joined)
    return made | {
        "split_with_sizes": entry("input parts dim", _split),
        "unbind": entry("input dim", _split),
        "permute": entry("input dims", _permute),
        "T": entry("input", _reverse_axes),
        "getitem": entry("input index", _getitem),
        "narrow": entry("input dim start length", _narrow),
        "select": entry("input dim index", _select),
        "pad": entry("input pad mode value", _pad),
        "stack": entry("tensors dim", partial(_concatenate, new_axis=True)),
    }


ENTRIES = _entries()
MANY = frozenset({"chunk", "split", "tensor_split", "split_with_sizes", "unbind"})
"""Operations each of whose outputs is described by itself."""
