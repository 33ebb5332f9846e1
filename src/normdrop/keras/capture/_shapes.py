"""Recognising what rearranges, selects, repeats or pads values."""

from functools import partial
from itertools import chain

from normdrop.keras.capture._description import CallOf, Describe, Description, layers
from normdrop.keras.capture._weights import channel_axis
from normdrop.shifts.graph import Kind, Reshape
from normdrop.values.operations import SHAPES


def _plain(how: str, _: CallOf) -> Description:
    return Description(Kind.RESHAPE, Reshape(how))


def _permuted(call: CallOf) -> Description:
    order = (0, *(int(axis) for axis in call.operation.dims))
    return Description(Kind.RESHAPE, Reshape("permute", permutation=order))


def _transposed(call: CallOf) -> Description:
    rank = len(call.shape)
    axes = call.operation.axes
    order = tuple(reversed(range(rank))) if axes is None else tuple(axis % rank for axis in axes)
    return Description(Kind.RESHAPE, Reshape("permute", permutation=order))


def _pairs(call: CallOf, name: str) -> tuple[tuple[int, int], ...]:
    """What a layer adds or cuts before and after, for every axis."""
    value = getattr(call.operation, name)
    nested = [value] if isinstance(value[0], int) else value
    rank = len(call.shape)
    channel = channel_axis(call.operation, rank)
    widths = iter((int(before), int(after)) for before, after in nested)
    return tuple((0, 0) if axis in {0, channel} else next(widths) for axis in range(rank))


def _padded(call: CallOf) -> Description:
    return Description(Kind.RESHAPE, Reshape("pad", padding=_pairs(call, "padding")))


def _cropped(call: CallOf) -> Description:
    slices = tuple(
        (before, extent - after, 1)
        for extent, (before, after) in zip(call.shape, _pairs(call, "cropping"), strict=True)
    )
    return Description(Kind.RESHAPE, Reshape("slice", slices=slices))


def _item(call: CallOf) -> Description:
    """Integers, slices, None and `...` are a part along axes; anything else is a choice."""
    index = call.args[1] if len(call.args) > 1 else call.kwargs.get("key")
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(not isinstance(part, int | slice | None) and part is not ... for part in parts):
        return Description(Kind.RESHAPE, Reshape("select"))
    given = sum(part is not None and part is not ... for part in parts)
    missing: list[object] = [slice(None)] * (len(call.shape) - given)
    place = parts.index(...) if ... in parts else len(parts)
    spread = chain(parts[:place], missing, parts[place + 1 :])
    axes = [part for part in spread if part is not None]
    slices = tuple(_bounds(part, extent) for part, extent in zip(axes, call.shape, strict=True))
    return Description(Kind.RESHAPE, Reshape("slice", slices=slices))


def _bounds(part: object, extent: int) -> tuple[int, int, int]:
    if isinstance(part, slice):
        return part.indices(extent)
    number = part if isinstance(part, int) else 0
    return number % extent, number % extent + 1, 1


_READERS: dict[str, Describe] = {"permute": _permuted, "pad": _padded, "slice": _cropped}
ENTRIES: dict[type, Describe] = {
    kind: each
    for shape in SHAPES
    for kind, each in layers(
        shape.keras_layers, _READERS.get(shape.how, partial(_plain, shape.how))
    ).items()
}
OPERATIONS: dict[str, Describe] = {
    **{name: partial(_plain, shape.how) for shape in SHAPES for name in shape.keras_operations},
    "Transpose": _transposed,
    "GetItem": _item,
}
