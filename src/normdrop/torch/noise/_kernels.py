"""The fused kernels: read a tensor once, multiply it by a mask that is never stored, write it once.

A mask costs no memory traffic here: its bits are computed in registers between the load and the
store of the units they decide on, so the pass takes little longer than a scaled copy. Backward
passes run the same kernel with the same key over the gradient.

Each kernel is one flat loop over the lanes of a tile, with each row's index a constant: that is the
shape LLVM turns into straight vector code from the generator to the store, 16 lanes at a time on
AVX-512, where a tile is one turn, and 8 on AVX2. `_layout` says which bits belong to which unit.
What keeps it so:

* `_promise` tells LLVM that the arrays do not overlap; else it compares the addresses of every two
  rows for each tile, which takes half as long as the tile itself. It also allows 512-bit vectors.
* 32-bit arithmetic is wrapped in `u32(...)`, or numba would widen it to 64 bits, and the key comes
  as uint32: from an int64 key LLVM kept the whole generator in 64-bit lanes, half as many.
* No reassociation or fused multiply-add is allowed: the reference has to give the same bits.
* Kernels are serial and let go of Python's lock, so that `_threads` can run them side by side
  without a second pool of spinning threads beside torch's own.

Arguments: `x` and `y` of shape (tiles, rows, lanes), apart in memory; the key's words; the tiles to
do, `first` up to `last`; the `number` of tile 0 in the whole tensor; the noise's parameters.

All compiled code stands in this file because numba's cache watches a kernel's own file only.
"""

from functools import partial

import numpy as np
from llvmlite import ir
from numba import float32, int32, njit, types
from numba.extending import intrinsic, overload

from normdrop.torch.noise._layout import (
    COS,
    FRACTION_BITS,
    HALF,
    LANES,
    LN2,
    LOG,
    PARITY,
    ROOT_HALF_BITS,
    SIGNED_UNIT,
    SIN,
    UNIT,
)
from normdrop.torch.noise._threads import compiled

u32 = np.uint32
i32 = np.int32
f32 = np.float32

_inline = njit(forceinline=True, error_model="numpy")


_kernel = partial(compiled, error_model="numpy")


# --- Threefry-4x32-13 -----------------------------------------------------------------------------


@_inline
def _mix(a, b, rotation):
    """Add, rotate, exclusive or: what a round does to a pair of words."""
    a = u32(a + b)
    b = u32(u32(b << u32(rotation)) | u32(b >> u32(32 - rotation)))
    return a, u32(b ^ a)


@_inline
def _four_even_rounds(x0, x1, x2, x3):
    """Rounds 0 to 3, and 8 to 11."""
    x0, x1 = _mix(x0, x1, 10)
    x2, x3 = _mix(x2, x3, 26)
    x0, x3 = _mix(x0, x3, 11)
    x2, x1 = _mix(x2, x1, 21)
    x0, x1 = _mix(x0, x1, 13)
    x2, x3 = _mix(x2, x3, 27)
    x0, x3 = _mix(x0, x3, 23)
    x2, x1 = _mix(x2, x1, 5)
    return x0, x1, x2, x3


@_inline
def _four_odd_rounds(x0, x1, x2, x3):
    """Rounds 4 to 7."""
    x0, x1 = _mix(x0, x1, 6)
    x2, x3 = _mix(x2, x3, 20)
    x0, x3 = _mix(x0, x3, 17)
    x2, x1 = _mix(x2, x1, 11)
    x0, x1 = _mix(x0, x1, 25)
    x2, x3 = _mix(x2, x3, 10)
    x0, x3 = _mix(x0, x3, 18)
    x2, x1 = _mix(x2, x1, 20)
    return x0, x1, x2, x3


@_inline
def _threefry(c0, c1, k0, k1, k2, k3):
    """Four random words for block `c0 + 2³²·c1` under the key `k0..k3`."""
    k4 = u32(k0 ^ k1 ^ k2 ^ k3 ^ u32(PARITY))
    x0, x1, x2, x3 = u32(c0 + k0), u32(c1 + k1), k2, k3
    x0, x1, x2, x3 = _four_even_rounds(x0, x1, x2, x3)
    x0, x1, x2, x3 = u32(x0 + k1), u32(x1 + k2), u32(x2 + k3), u32(x3 + k4 + u32(1))
    x0, x1, x2, x3 = _four_odd_rounds(x0, x1, x2, x3)
    x0, x1, x2, x3 = u32(x0 + k2), u32(x1 + k3), u32(x2 + k4), u32(x3 + k0 + u32(2))
    x0, x1, x2, x3 = _four_even_rounds(x0, x1, x2, x3)
    x0, x1, x2, x3 = u32(x0 + k3), u32(x1 + k4), u32(x2 + k0), u32(x3 + k1 + u32(3))
    x0, x1 = _mix(x0, x1, 6)
    x2, x3 = _mix(x2, x3, 20)
    return x0, x1, x2, x3


# --- Reading floats as bits, and bits as floats ---------------------------------------------------


@intrinsic
def _bits(_context, _x):
    """The bits of a float32, as an int32."""

    def generate(_context, builder, _signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return int32(float32), generate


@intrinsic
def _float(_context, _bits):
    """The float32 with these bits, an int32."""

    def generate(_context, builder, _signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return float32(int32), generate


# --- What LLVM cannot know ------------------------------------------------------------------------


@intrinsic
def _promise(_context):
    """Inside a kernel: its arrays do not overlap, and its vectors may be 512 bits wide."""

    def generate(context, builder, _signature, _arguments):
        for argument in builder.function.args:
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
        # A plain set's `add`: llvmlite's own knows no attributes with a value.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


# --- Multiplying a unit, rounded once to its own type ---------------------------------------------


def _times(x, m):
    """`x·m` for a float32 mask: `x` is a float32, a float64, or the bits of a bfloat16."""
    raise NotImplementedError(x, m)


@overload(_times, inline="always")
def _times_overload(x, m):  # noqa: ARG001 - numba matches argument names
    """Choose by the type of `x`."""
    if isinstance(x, types.Float):
        return lambda x, m: x * m
    return _times_bfloat16


def _times_bfloat16(x, m):
    """A bfloat16 is the upper half of a float32: widen, multiply, round to nearest even.

    Rounding cannot spoil a NaN: the lower half of one that comes from a bfloat16 is zero.
    """
    bits = u32(_bits(_float(i32(u32(x) << u32(16))) * m))
    return np.uint16(u32(bits + u32(0x7FFF) + u32(u32(bits >> u32(16)) & u32(1))) >> u32(16))


# --- Bernoulli noise ------------------------------------------------------------------------------


@_kernel
def bernoulli(x, y, key, first, last, number, threshold, scale):
    """Tiles `first` to `last`: a unit is kept and scaled where its half word is not below."""
    _promise()
    k0, k1, k2, k3 = key[0], key[1], key[2], key[3]
    low, high, half = u32(threshold), u32(threshold << 16), u32(HALF - 1)
    kept, dropped = f32(scale), f32(0.0)
    for tile in range(first, last):
        block = (number + tile) * LANES
        c0, c1 = u32(block), u32(block >> 32)
        for lane in range(LANES):
            w0, w1, w2, w3 = _threefry(u32(c0 + u32(lane)), c1, k0, k1, k2, k3)
            y[tile, 0, lane] = _times(x[tile, 0, lane], kept if u32(w0 & half) >= low else dropped)
            y[tile, 1, lane] = _times(x[tile, 1, lane], kept if w0 >= high else dropped)
            y[tile, 2, lane] = _times(x[tile, 2, lane], kept if u32(w1 & half) >= low else dropped)
            y[tile, 3, lane] = _times(x[tile, 3, lane], kept if w1 >= high else dropped)
            y[tile, 4, lane] = _times(x[tile, 4, lane], kept if u32(w2 & half) >= low else dropped)
            y[tile, 5, lane] = _times(x[tile, 5, lane], kept if w2 >= high else dropped)
            y[tile, 6, lane] = _times(x[tile, 6, lane], kept if u32(w3 & half) >= low else dropped)
            y[tile, 7, lane] = _times(x[tile, 7, lane], kept if w3 >= high else dropped)


# --- Uniform noise --------------------------------------------------------------------------------


@_inline
def _low(word):
    """The lower half of a word as a signed number, in float32."""
    return f32(i32(i32(u32(word << u32(16))) >> i32(16)))


@_inline
def _high(word):
    """The upper half of a word as a signed number, in float32."""
    return f32(i32(i32(word) >> i32(16)))


@_kernel
def uniform(x, y, key, first, last, number, centre, step):
    """Tiles `first` to `last`: half words, read as signed numbers, count steps from the centre."""
    _promise()
    k0, k1, k2, k3 = key[0], key[1], key[2], key[3]
    centre, step = f32(centre), f32(step)
    for tile in range(first, last):
        block = (number + tile) * LANES
        c0, c1 = u32(block), u32(block >> 32)
        for lane in range(LANES):
            w0, w1, w2, w3 = _threefry(u32(c0 + u32(lane)), c1, k0, k1, k2, k3)
            y[tile, 0, lane] = _times(x[tile, 0, lane], centre + step * _low(w0))
            y[tile, 1, lane] = _times(x[tile, 1, lane], centre + step * _high(w0))
            y[tile, 2, lane] = _times(x[tile, 2, lane], centre + step * _low(w1))
            y[tile, 3, lane] = _times(x[tile, 3, lane], centre + step * _high(w1))
            y[tile, 4, lane] = _times(x[tile, 4, lane], centre + step * _low(w2))
            y[tile, 5, lane] = _times(x[tile, 5, lane], centre + step * _high(w2))
            y[tile, 6, lane] = _times(x[tile, 6, lane], centre + step * _low(w3))
            y[tile, 7, lane] = _times(x[tile, 7, lane], centre + step * _high(w3))


# --- Gaussian noise -------------------------------------------------------------------------------


@_inline
def _log(u):
    """The natural logarithm of a float32 in (0, 1]: 2ᵉ·(1+f) has e·ln 2 + ln(1+f).

    The series is summed in pairs, Estrin's way: Horner's waits for every one of its 14 operations.
    """
    bits = _bits(u)
    exponent = i32(i32(bits - i32(ROOT_HALF_BITS)) >> i32(FRACTION_BITS))
    f = _float(i32(bits - i32(exponent << i32(FRACTION_BITS)))) - f32(1.0)
    square = f * f
    low = (f32(LOG[0]) + f32(LOG[1]) * f) + square * (f32(LOG[2]) + f32(LOG[3]) * f)
    high = (f32(LOG[4]) + f32(LOG[5]) * f) + square * (f32(LOG[6]) + f32(LOG[7]) * f)
    series = low + square * square * high
    return f32(exponent) * f32(LN2) + (f + square * series)


@_inline
def _gaussian_masks(radial, angular, deviation):
    """1 + deviation·z for two independent normal z, from two words (Box and Muller, 1958).

    The radius comes from the whole of the first word, so z reaches out to ±6.7. The angle is cut
    at π/4: the lower 30 bits of the second word place φ in [-π/4, π/4], where short polynomials do,
    and the upper two mirror the point into the other quarters of the circle.
    """
    u = f32(radial) * f32(UNIT) + f32(UNIT / 2.0)
    radius = np.sqrt(f32(-2.0) * _log(u)) * deviation
    phi = f32(i32(u32(angular << u32(2)))) * f32(np.pi / 4.0 * SIGNED_UNIT)
    square = phi * phi
    sin = f32(SIN[2]) * square + f32(SIN[1])
    sin = phi + phi * square * (sin * square + f32(SIN[0]))
    cos = f32(COS[2]) * square + f32(COS[1])
    cos = f32(1.0) + square * (cos * square + f32(COS[0]))
    radius = -radius if angular >= u32(1 << 31) else radius
    swap = u32(angular & u32(1 << 30)) != u32(0)
    one, other = (sin, cos) if swap else (cos, sin)
    return f32(1.0) + radius * one, f32(1.0) + radius * other


@_kernel
def gaussian(x, y, key, first, last, number, deviation):
    """Tiles `first` to `last`: words 0 and 1 make rows 0 and 1, words 2 and 3 the others."""
    _promise()
    k0, k1, k2, k3 = key[0], key[1], key[2], key[3]
    deviation = f32(deviation)
    for tile in range(first, last):
        block = (number + tile) * LANES
        c0, c1 = u32(block), u32(block >> 32)
        for lane in range(LANES):
            w0, w1, w2, w3 = _threefry(u32(c0 + u32(lane)), c1, k0, k1, k2, k3)
            m0, m1 = _gaussian_masks(w0, w1, deviation)
            m2, m3 = _gaussian_masks(w2, w3, deviation)
            y[tile, 0, lane] = _times(x[tile, 0, lane], m0)
            y[tile, 1, lane] = _times(x[tile, 1, lane], m1)
            y[tile, 2, lane] = _times(x[tile, 2, lane], m2)
            y[tile, 3, lane] = _times(x[tile, 3, lane], m3)
