"""Recognising what rearranges, selects, repeats or pads values."""

from functools import partial
from itertools import chain

import keras

from normdrop.keras.capture._description import CallOf, Describe, Description
from normdrop.keras.capture._weights import channel_axis
from normdrop.shifts.graph import Kind, Reshape


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


def _entries() -> dict[type, Describe]:
    made: dict[type, Describe] = {
        keras.layers.Flatten: partial(_plain, "view"),
        keras.layers.Reshape: partial(_plain, "view"),
        keras.layers.Identity: partial(_plain, "copy"),
        keras.layers.ActivityRegularization: partial(_plain, "copy"),
        keras.layers.RepeatVector: partial(_plain, "repeat"),
        keras.layers.Permute: _permuted,
    }
    for rank in ("1D", "2D", "3D"):
        made[getattr(keras.layers, f"ZeroPadding{rank}")] = _padded
        made[getattr(keras.layers, f"Cropping{rank}")] = _cropped
    return made


ENTRIES = _entries()
OPERATIONS: dict[str, Describe] = {
    **dict.fromkeys(("Reshape", "Ravel", "Squeeze", "ExpandDims"), partial(_plain, "view")),
    **dict.fromkeys(("Cast", "Identity", "StopGradient", "Copy"), partial(_plain, "copy")),
    **dict.fromkeys(("Repeat", "Tile", "BroadcastTo"), partial(_plain, "repeat")),
    **dict.fromkeys(("Flip", "Roll", "Sort"), partial(_plain, "reorder")),
    **dict.fromkeys(("Take", "TakeAlongAxis"), partial(_plain, "select")),
    "Transpose": _transposed,
    "GetItem": _item,
}
