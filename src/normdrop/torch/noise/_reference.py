"""The same masks without a compiler, bit for bit: the fallback where numba is missing.

Every operation here is one IEEE float32 or 32-bit integer operation of the kernels, in the same
order, on whole arrays instead of registers. That is several times slower, and it stores the mask.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from normdrop.torch.noise._layout import (
    COS,
    FRACTION_BITS,
    LANES,
    LN2,
    LOG,
    PARITY,
    ROOT_HALF_BITS,
    ROTATIONS,
    ROUNDS,
    ROWS,
    SIGNED_UNIT,
    SIN,
    UNIT,
    WORDS,
    parameters,
)

Words: TypeAlias = NDArray[np.uint32]
Floats: TypeAlias = NDArray[np.float32]

_f = np.float32


def mask(kind: str, amount: float, key: Words, size: int) -> Floats:
    """The first `size` mask values under `key`."""
    rows = ROWS[kind]
    tiles = -(-size // (rows * LANES))
    words = threefry(np.arange(tiles * LANES, dtype=np.uint64), key)
    values = _MASKS[kind](words, *(_f(number) for number in parameters(kind, amount)))
    return values.reshape(rows, tiles, LANES).swapaxes(0, 1).reshape(-1)[:size]


def threefry(blocks: NDArray[np.uint64], key: Words, rounds: int = ROUNDS) -> Words:
    """Threefry-4x32: the words of each block number, of shape (4, blocks).

    >>> [f"{word:08x}" for word in threefry(np.zeros(1, np.uint64), np.zeros(4, np.uint32))[:, 0]]
    ['531c7e4f', '39491ee5', '2c855a92', '3d6abf9a']
    """
    keys = [*key, np.bitwise_xor.reduce(key) ^ np.uint32(PARITY)]
    x = np.zeros((WORDS, blocks.size), np.uint32)
    x[0], x[1] = blocks & np.uint64(0xFFFFFFFF), blocks >> np.uint64(32)
    _add_keys(x, keys, 0)
    for number in range(rounds):
        partners = (1, 3) if number % 2 == 0 else (3, 1)
        rotations = ROTATIONS[number % len(ROTATIONS)]
        for first, second, rotation in zip((0, 2), partners, rotations, strict=True):
            x[first] += x[second]
            x[second] = (x[second] << rotation) | (x[second] >> (32 - rotation))
            x[second] ^= x[first]
        if number % 4 == 3:  # noqa: PLR2004 - the key comes in after every fourth round
            _add_keys(x, keys, number // 4 + 1)
    return x


def _add_keys(x: Words, keys: list[np.uint32], time: int) -> None:
    """Add the five key words, turned by one place each time, and count the times in the last."""
    for word in range(WORDS):
        x[word] += keys[(word + time) % len(keys)]
    x[WORDS - 1] += np.uint32(time)


def _halves(words: Words) -> Words:
    """The low and the high half of each word, of shape (8, blocks)."""
    return np.stack([words & np.uint32(0xFFFF), words >> np.uint32(16)], axis=1).reshape(
        2 * WORDS, -1
    )


def _bernoulli(words: Words, threshold: _f, scale: _f) -> Floats:
    """Zero below the threshold, `scale` above."""
    return np.where(_halves(words) >= np.uint32(threshold), scale, _f(0.0))


def _uniform(words: Words, centre: _f, step: _f) -> Floats:
    """Half words, read as signed numbers, count steps from the centre."""
    signed = _halves(words).astype(np.uint16).view(np.int16).astype(np.float32)
    return centre + step * signed


def _gaussian(words: Words, deviation: _f) -> Floats:
    """Box and Muller's pairs: words 0 and 1 make the first two rows, words 2 and 3 the others."""
    radial, angular = words[0::2], words[1::2]
    u = radial.astype(np.float32) * _f(UNIT) + _f(UNIT / 2.0)
    radius = np.sqrt(_f(-2.0) * _log(u)) * deviation
    phi = (angular << np.uint32(2)).view(np.int32).astype(np.float32) * _f(np.pi / 4 * SIGNED_UNIT)
    square = phi * phi
    sin = phi + phi * square * _polynomial(SIN, square)
    cos = _f(1.0) + square * _polynomial(COS, square)
    radius = np.where(angular >= np.uint32(1 << 31), -radius, radius)
    swap = (angular & np.uint32(1 << 30)) != 0
    pairs = (np.where(swap, sin, cos), np.where(swap, cos, sin))
    return np.stack([_f(1.0) + radius * part for part in pairs], axis=1).reshape(WORDS, -1)


def _log(u: Floats) -> Floats:
    """The natural logarithm of float32 numbers in (0, 1]."""
    bits = u.view(np.int32)
    exponent = (bits - np.int32(ROOT_HALF_BITS)) >> np.int32(FRACTION_BITS)
    f = (bits - (exponent << np.int32(FRACTION_BITS))).view(np.float32) - _f(1.0)
    square, c = f * f, [_f(coefficient) for coefficient in LOG]
    low = (c[0] + c[1] * f) + square * (c[2] + c[3] * f)
    high = (c[4] + c[5] * f) + square * (c[6] + c[7] * f)
    series = low + square * square * high
    result: Floats = exponent.astype(np.float32) * _f(LN2) + (f + square * series)
    return result


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Horner's scheme, the constant first."""
    value = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + _f(coefficient)
    return value


_MASKS: dict[str, Callable[..., Floats]] = {
    "bernoulli": _bernoulli,
    "gaussian": _gaussian,
    "uniform": _uniform,
}
