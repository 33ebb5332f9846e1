"""The generator and the masks made from it, against published answers, a slow twin and theory."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from normdrop.torch.noise import _engine, _reference

SIZE = 1 << 20
MASK32 = 0xFFFFFFFF
PI = [
    "243f6a88",
    "85a308d3",
    "13198a2e",
    "03707344",
    "a4093822",
    "299f31d0",
    "082efa98",
    "ec4e6c89",
]
# The known answers that Random123 1.14 ships: rounds, counter and key, output.
KNOWN = [
    (13, ["00000000"] * 8, "531c7e4f 39491ee5 2c855a92 3d6abf9a"),
    (13, ["ffffffff"] * 8, "c4189358 1c9cc83a d5881c67 6a0a89e0"),
    (13, PI, "4aa71d8f 734738c2 431fc6a8 ae6debf1"),
    (20, ["00000000"] * 8, "9c6ca96a e17eae66 fc10ecd4 5256a7d8"),
    (20, ["ffffffff"] * 8, "2a881696 57012287 f6c7446e a16a6732"),
    (20, PI, "59cd1dbb b8879579 86b5d00c ac8b6d84"),
]

every_kind = pytest.mark.parametrize(
    ("kind", "amount"), [("bernoulli", 0.3), ("uniform", 0.4), ("gaussian", 0.8)]
)


def twin(counter: list[int], key: list[int], rounds: int) -> list[int]:
    """Threefry-4x32 in plain integers, from the paper's description."""
    table = [(10, 26), (11, 21), (13, 27), (23, 5), (6, 20), (17, 11), (25, 10), (18, 20)]
    keys = [*key, 0x1BD11BDA ^ key[0] ^ key[1] ^ key[2] ^ key[3]]
    x = [(c + k) & MASK32 for c, k in zip(counter, key, strict=True)]
    for number in range(rounds):
        for half, rotation in enumerate(table[number % 8]):
            x[2 * half] = (x[2 * half] + x[2 * half + 1]) & MASK32
            y = x[2 * half + 1]
            x[2 * half + 1] = ((y << rotation | y >> (32 - rotation)) & MASK32) ^ x[2 * half]
        x = [x[0], x[3], x[2], x[1]]  # the permutation of words after every round
        if number % 4 == 3:
            time = number // 4 + 1
            x = [(word + keys[(time + i) % 5]) & MASK32 for i, word in enumerate(x)]
            x[3] = (x[3] + time) & MASK32
    return x if rounds % 2 == 0 else [x[0], x[3], x[2], x[1]]


def twin_mask(kind: str, amount: float, key: list[int], unit: int) -> float:
    """One unit's mask value from the documented layout, in float64."""
    rows = 4 if kind == "gaussian" else 8
    tile, row, lane = unit // (16 * rows), unit // 16 % rows, unit % 16
    words = twin([tile * 16 + lane, 0, 0, 0], key, 13)
    if kind == "gaussian":
        radial, angular = words[row // 2 * 2], words[row // 2 * 2 + 1]
        radius = math.sqrt(-2.0 * math.log(radial / 2**32 + 2**-33))
        lower = (angular << 2) & MASK32
        phi = (lower - (1 << 32) * (lower >> 31)) * math.pi / 2**33
        pair = (math.cos(phi), math.sin(phi))
        mirrored = pair[::-1] if angular >> 30 & 1 else pair
        return 1.0 + amount * radius * mirrored[row % 2] * (-1 if angular >> 31 else 1)
    half = words[row // 2] >> (16 * (row % 2)) & 0xFFFF
    if kind == "bernoulli":
        dropped = round(amount * 65536)
        return 0.0 if half < dropped else 65536 / (65536 - dropped)
    signed = half - 65536 * (half >> 15)
    return 1.0 + amount * (2 * signed + 1) / 65536


def mask(kind: str, amount: float, seed: int = 0, size: int = SIZE) -> NDArray[np.float64]:
    """A mask under the key that `seed` gives."""
    generator = torch.Generator().manual_seed(seed)
    key = torch.randint(0, 1 << 32, (1, 4), generator=generator)
    return _engine.multiply_masked(torch.ones(size), key, kind, amount).double().numpy()


@pytest.mark.parametrize(("rounds", "inputs", "expected"), KNOWN)
def test_twin_gives_the_published_answers(rounds: int, inputs: list[str], expected: str) -> None:
    """The oracle itself reproduces the known answers published with the generator."""
    words = [int(word, 16) for word in inputs]
    assert [f"{word:08x}" for word in twin(words[:4], words[4:], rounds)] == expected.split()


@pytest.mark.parametrize("rounds", [13, 20])
def test_reference_generator_equals_the_twin(rounds: int) -> None:
    """Words agree for blocks on both sides of 2³², under keys of all kinds."""
    blocks = [0, 1, 255, 2**32 - 1, 2**32, 2**40 + 7]
    for key in ([0] * 4, [MASK32] * 4, [1, 2, 3, 4], [0x243F6A88, 0x85A308D3, 0, 7]):
        words = _reference.threefry(
            np.array(blocks, np.uint64), np.array(key, np.uint32), rounds=rounds
        )
        expected = [twin([b & MASK32, b >> 32, 0, 0], key, rounds) for b in blocks]
        assert words.T.tolist() == expected


@pytest.mark.parametrize(
    ("kind", "amount"), [("bernoulli", 0.3), ("uniform", 0.4), ("gaussian", 0.8)]
)
def test_masks_equal_the_twin(kind: str, amount: float) -> None:
    """Whole tiles, a cut one and every row agree with one unit at a time, to float32 accuracy."""
    key = [11, 22, 33, 0xFFFFFFFF]
    size = 30 * 128 + 77
    values = _engine.multiply_masked(torch.ones(size), torch.tensor([key]), kind, amount)
    units = range(0, size, 13)
    expected = [twin_mask(kind, amount, key, unit) for unit in units]
    assert np.allclose(values[::13].numpy(), expected, rtol=0.0, atol=3e-6)


@pytest.mark.parametrize(
    ("kind", "amount"), [("bernoulli", 0.3), ("uniform", 0.4), ("gaussian", 0.8)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [1, 255, 2048, 5000])
def test_kernels_equal_the_reference(
    kind: str, amount: float, dtype: torch.dtype, size: int
) -> None:
    """Compiled kernels and reference agree bit for bit, in every type, with several keys."""
    torch.manual_seed(size)
    x, keys = torch.randn(3 * size).to(dtype), torch.randint(0, 1 << 32, (3, 4))
    masks = [_reference.mask(kind, amount, key, size) for key in keys.numpy().astype(np.uint32)]
    wide = x if dtype == torch.float64 else x.float()
    expected = (wide * torch.from_numpy(np.concatenate(masks))).to(dtype)
    assert torch.equal(_engine.multiply_masked(x, keys, kind, amount), expected)


def test_special_values_pass_as_torch_passes_them() -> None:
    """NaN stays NaN, infinity times a dropped unit is NaN, in bfloat16's own rounding too."""
    x = torch.tensor([math.nan, math.inf, -math.inf, 0.0, -1.0, 3e38]).repeat(2000)
    keys = torch.tensor([[1, 2, 3, 4]])
    m = torch.from_numpy(
        _reference.mask("bernoulli", 0.5, keys.numpy()[0].astype(np.uint32), x.numel())
    )
    for dtype in (torch.float32, torch.bfloat16):
        y = _engine.multiply_masked(x.to(dtype), keys, "bernoulli", 0.5)
        expected = (x.to(dtype).float() * m).to(dtype)
        assert torch.equal(y.isnan(), expected.isnan())
        assert torch.equal(y.nan_to_num(), expected.nan_to_num())


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5, 0.9])
def test_bernoulli_rate_and_mean(rate: float) -> None:
    """Rate and mean lie within 5 standard errors (error level 6e-7 each)."""
    m = mask("bernoulli", rate)
    assert abs((m == 0).mean() - rate) < 5.0 * math.sqrt(rate * (1 - rate) / SIZE) + 2**-17
    assert abs(m.mean() - 1.0) < 5.0 * m.std() / math.sqrt(SIZE)
    assert len(np.unique(m)) == 2


def test_tiny_and_huge_rates_are_never_rounded_to_none_or_all() -> None:
    """A rate below the resolution of 2⁻¹⁶ still drops something, one close to 1 not everything."""
    assert 0.0 in mask("bernoulli", 1e-9)
    assert mask("bernoulli", 1.0 - 1e-9).max() == 65536.0


def test_uniform_noise_is_uniform() -> None:
    """Kolmogorov-Smirnov and chi-square over 256 bins, each at error level 1e-6."""
    r = (mask("uniform", 0.25) - 1.0) / 0.25
    assert stats.kstest(r, stats.uniform(-1, 2).cdf).pvalue > 1e-6
    counts = np.histogram(r, bins=256, range=(-1, 1))[0]
    assert stats.chisquare(counts).pvalue > 1e-6
    assert np.abs(r).max() <= 1.0


def test_gaussian_noise_is_normal() -> None:
    """Kolmogorov-Smirnov, moments up to the fourth and both tails, each at error level 1e-6."""
    z = mask("gaussian", 1.0) - 1.0
    assert stats.kstest(z, "norm").pvalue > 1e-6
    for power, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - expected) < 4.9 * math.sqrt(variance / SIZE)
    for cut in (3.0, 4.0):
        tail = NormalDist().cdf(-cut)
        assert stats.binomtest(int((z > cut).sum()), SIZE, tail).pvalue > 1e-6
        assert stats.binomtest(int((z < -cut).sum()), SIZE, tail).pvalue > 1e-6


def test_gaussian_error_is_bounded() -> None:
    """Against logarithm, sine and cosine in float64, no unit is off by more than 5e-6."""
    key = np.array([5, 6, 7, 8], np.uint32)
    words = _reference.threefry(np.arange(1 << 16, dtype=np.uint64), key)
    lower = (words[1] << np.uint32(2)).view(np.int32).astype(np.float64) * math.pi / 2**33
    radius = np.sqrt(-2.0 * np.log(words[0].astype(np.float64) / 2**32 + 2**-33))
    one, other = np.cos(lower), np.sin(lower)
    swap, sign = words[1] >> 30 & 1 == 1, np.where(words[1] >> 31, -1.0, 1.0)
    exact = 1.0 + sign * radius * np.where(swap, other, one)
    tiles = _reference.mask("gaussian", 1.0, key, 4 << 16).reshape(-1, 4, 16)
    assert np.abs(tiles[:, 0].reshape(-1) - exact).max() < 5e-6


LAGS = [1, 2, 3, 8, 15, 16, 17, 32, 64, 112, 127, 128, 129, 256, 2048, 65536]


@pytest.mark.parametrize(
    ("kind", "amount"), [("bernoulli", 0.5), ("uniform", 0.5), ("gaussian", 0.5)]
)
def test_units_are_uncorrelated(kind: str, amount: float) -> None:
    """Lags around rows, tiles and vectors show no correlation beyond 5 standard errors (6e-7)."""
    m = mask(kind, amount, seed=3)
    m = (m - m.mean()) / m.std()
    for lag in LAGS:
        assert abs((m[lag:] * m[:-lag]).mean()) < 5.0 / math.sqrt(SIZE - lag), lag


@pytest.mark.parametrize(
    ("kind", "amount"), [("bernoulli", 0.5), ("uniform", 0.5), ("gaussian", 0.5)]
)
def test_seeds_calls_and_close_keys_are_uncorrelated(kind: str, amount: float) -> None:
    """No pair among neighbouring seeds and close keys correlates (5.5 standard errors, 1e-5)."""
    size = 1 << 17
    base = [9, 9, 9, 9]
    flipped = [
        [word ^ (1 << bit) * (i == n) for i, word in enumerate(base)]
        for n in range(4)
        for bit in (0, 15, 31)
    ]
    keys = torch.tensor([base, *flipped])
    close = [_engine.multiply_masked(torch.ones(size), key[None], kind, amount) for key in keys]
    seeds = [torch.from_numpy(mask(kind, amount, seed, size)).float() for seed in range(8)]
    correlation = np.corrcoef(torch.stack(close + seeds).numpy())
    np.fill_diagonal(correlation, 0.0)
    assert np.abs(correlation).max() < 5.5 / math.sqrt(size)


def test_words_are_uniform_bit_by_bit() -> None:
    """Each of 16 bits of a unit is set half of the time, and bytes pass chi-square (1e-6 each)."""
    words = _reference.threefry(np.arange(1 << 16, dtype=np.uint64), np.full(4, 77, np.uint32))
    data = words.reshape(-1).view(np.uint8)
    assert stats.chisquare(np.bincount(data, minlength=256)).pvalue > 1e-6
    share = np.unpackbits(words.reshape(-1, 1).view(np.uint8), axis=1).mean(axis=0)
    assert np.abs(share - 0.5).max() < 5.5 * 0.5 / math.sqrt(words.size)
