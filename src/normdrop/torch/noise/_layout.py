"""Where each unit's random bits come from, and the constants kernel and reference share.

The generator is Threefry-4x32 with 13 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random
numbers: as easy as 1, 2, 3", SC 2011). It turns a block number into four 32-bit words under a
128-bit key. From 12 rounds on it passes every test of BigCrush under all the ways of numbering
blocks and keys that its authors tried; they published known answers for 13. It needs additions,
rotations and exclusive ors alone, which a vector unit does on 32-bit lanes, as many as it has
lanes for float32.

Units are laid out in tiles of `LANES` blocks. A tile is a stack of rows, one value per lane:

    lane        0     1     2   ...  15
    row 0    word 0 of block 0, 1, 2, ... 15 of the tile
    row 1    word 1 of the same blocks
    ...

so unit i of a tile sits in row i // LANES and lane i % LANES, and a vector of lanes is read,
multiplied and written without a shuffle. A row of 16 float32 is a cache line and a vector of 512
bits, and tiles walk through memory in order, as the processor's prefetcher expects: with longer
rows a tile is several streams, and the same kernel ran up to a third longer.

Gaussian noise takes a word for each unit, four rows a tile. Bernoulli and uniform noise take half a
word, eight rows a tile: rows 2q and 2q + 1 are the low and high half of word q. Half a word gives a
rate to the nearest multiple of 2⁻¹⁶ and uniform noise in 65536 evenly spaced values; both keep the
mean exact.

The mask of a unit depends on the key and on its position alone, hence on no number of threads.

numba's cache watches the kernels' file, not this one: after a change here, delete `__pycache__`.
"""

import math

LANES = 16
WORDS = 4
ROWS = {"bernoulli": 2 * WORDS, "gaussian": WORDS, "uniform": 2 * WORDS}

# Rotations of rounds 0, 1, ... 7 for both pairs of words; round 8 starts again with the first.
ROTATIONS = ((10, 26), (11, 21), (13, 27), (23, 5), (6, 20), (17, 11), (25, 10), (18, 20))
ROUNDS = 13
# The fifth word of the key is the exclusive or of the other four and this constant.
PARITY = 0x1BD11BDA

# The values of half a word.
HALF = 1 << 16

# A word w becomes u = w·2⁻³² + 2⁻³³ in (0, 1], or, read as a signed number, w·2⁻³¹ in [-1, 1].
UNIT = 2.0**-32
SIGNED_UNIT = 2.0**-31

# ln(1+f) = f + f²·(c₀ + c₁f + ...) for 1+f in [√½, √2), within 3e-8. All three are minimax fits.
LOG = (
    -0.4999998211860657,
    0.33333930373191833,
    -0.25002580881118774,
    0.1996353268623352,
    -0.1655186116695404,
    0.14883209764957428,
    -0.14426347613334656,
    0.08980245143175125,
)
# sin φ = φ + φ³·(c₀ + c₁φ² + ...) and cos φ = 1 + φ²·(...) for φ in [-π/4, π/4], within 4e-8.
SIN = (-0.16666655242443085, 0.008332177996635437, -0.00019517297914717346)
COS = (-0.49999895691871643, 0.04165629297494888, -0.0013597821816802025)
LN2 = math.log(2.0)
# Bits of the float32 √½ and the width of a float32's fraction: they split u into 2ᵉ·(1+f).
ROOT_HALF_BITS = 0x3F3504F3
FRACTION_BITS = 23


def parameters(kind: str, amount: float) -> tuple[float, ...]:
    """The numbers a kernel takes after the tiles.

    Bernoulli noise: how many of the 65536 half words drop a unit (the nearest to the rate, never
    none or all), and what a kept unit is multiplied by: 1 over the exact probability that it is
    kept. Uniform noise: the mask of half word 0 and the step to the next; the half words run from
    -32768 to 32767, so half a step centres them. Gaussian noise: its standard deviation.

    >>> parameters("bernoulli", 0.5)
    (32768, 2.0)
    >>> parameters("bernoulli", 1e-9)[0]
    1
    """
    if kind == "bernoulli":
        threshold = min(max(round(amount * HALF), 1), HALF - 1)
        return threshold, HALF / (HALF - threshold)
    if kind == "uniform":
        step = 2.0 * amount / HALF
        return 1.0 + step / 2.0, step
    return (amount,)
