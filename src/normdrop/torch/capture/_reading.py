"""Which tensors' values a call reads.

A mask drawn with the shape of an activation does not depend on the activation.
"""

from typing import Any

from torch import Tensor

from normdrop.torch.capture._trees import tensors_in
from normdrop.values.operations import DRAWS

_BY_SHAPE = {
    *(draw.name for draw in DRAWS if draw.name.endswith("_like")),
    *("zeros_like", "ones_like", "empty_like", "full_like"),
    *("new", "new_empty", "new_zeros", "new_ones", "new_full", "new_tensor"),
}
"""Operations that read the shape of their first argument and no values."""
_BY_FIRST = {"expand_as", "view_as", "reshape_as", "type_as", "to"}
"""Operations that read the values of their first argument and no others."""
_OVERWRITING = {
    *(draw.operation for draw in DRAWS if draw.address.startswith("torch.Tensor.")),
    *("fill", "zero"),
}
"""Operations whose in-place form forgets the values that were there."""


def read_by(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], written: list[Tensor]
) -> list[Tensor]:
    """The tensors whose values a call reads, each once per argument."""
    if name in _BY_SHAPE:
        return list(tensors_in((args[1:], kwargs)))
    if name in _BY_FIRST:
        return list(tensors_in(args[:1]))
    read = list(tensors_in((args, {key: each for key, each in kwargs.items() if key != "out"})))
    if name in _OVERWRITING and written:
        return [each for each in read if each is not written[0]]
    return read
