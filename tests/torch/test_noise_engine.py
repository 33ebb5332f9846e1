"""How the kernels are run: threads, forks, the disk cache, and life without a compiler."""

import os
import stat
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from queue import Queue

import pytest
import torch

from normdrop.torch import Dropout
from normdrop.torch.noise import _engine, _threads

# Prints a checksum of each kind's masks, and whether the kernels were used and compiled.
MASKS = """
import warnings, zlib, torch
from normdrop.torch.noise import _engine
if {without_numba}:
    import sys
    sys.modules["numba"] = None
    warnings.simplefilter("ignore", RuntimeWarning)
sums = []
for kind in {kinds}:
    x, keys = torch.linspace(-2, 2, 70_001), torch.tensor([[1, 2, 3, 4]])
    y = _engine.multiply_masked(x, keys, kind, 0.4)
    sums.append(zlib.crc32(y.numpy().tobytes()))
kernels = _engine._kernels()
misses = sum(kernels.bernoulli.stats.cache_misses.values()) if kernels else None
print(sums, kernels is not None, misses)
"""


def masks(
    *kinds: str, without_numba: bool = False, **environment: str
) -> tuple[str, bool, int | None]:
    """Checksums from a fresh process, whether it had kernels, and how many it had to compile."""
    result = subprocess.run(
        [sys.executable, "-c", MASKS.format(kinds=kinds, without_numba=without_numba)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    sums, compiled, misses = result.stdout.rsplit(maxsplit=2)
    return sums, compiled == "True", None if misses == "None" else int(misses)


@pytest.mark.parametrize("threads", [2, 3, 5])
@pytest.mark.parametrize("kind", ["bernoulli", "uniform", "gaussian"])
def test_threads_do_not_change_masks(kind: str, threads: int) -> None:
    """One thread and several give the same bits, on a tensor that does not divide evenly."""
    x, keys = torch.randn(2_000_003), torch.randint(0, 1 << 32, (1, 4))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = _engine.multiply_masked(x, keys, kind, 0.3)
        torch.set_num_threads(threads)
        assert torch.equal(_engine.multiply_masked(x, keys, kind, 0.3), expected)
    finally:
        torch.set_num_threads(before)


def put(shares: "Queue[tuple[int, int]]", first: int, last: int) -> None:
    """Note a share of tiles down instead of working on it."""
    shares.put((first, last))


def test_shares_cover_every_tile_once() -> None:
    """Whatever their number, tiles are cut into shares without gap or overlap."""
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 7):
            torch.set_num_threads(threads)
            for tiles in (1, 4095, 4096, 20_001, 80_000):
                shares: Queue[tuple[int, int]] = Queue()
                _threads.run_on_tiles(partial(put, shares), tiles)
                cuts = sorted(shares.queue)
                assert (cuts[0][0], cuts[-1][1]) == (0, tiles)
                assert all(one[1] == other[0] for one, other in pairwise(cuts))
    finally:
        torch.set_num_threads(before)


def test_survives_a_fork() -> None:
    """A forked process, as a data loader makes them, does not wait for threads it does not have."""
    code = """
import os, torch
from normdrop.torch import Dropout
torch.set_num_threads(2)
x = torch.ones(1 << 20)
Dropout()(x)
child = os.fork()
if child == 0:
    torch.set_num_threads(2)
    Dropout()(x)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_second_process_does_not_compile(tmp_path: Path) -> None:
    """Machine code is kept on disk: the first process compiles, the second only loads."""
    first = masks("bernoulli", NUMBA_CACHE_DIR=str(tmp_path))
    second = masks("bernoulli", NUMBA_CACHE_DIR=str(tmp_path))
    assert first == (first[0], True, 1)
    assert second == (first[0], True, 0)


def test_masks_are_the_same_without_numba() -> None:
    """Where numba is missing, the slower path gives the same bits."""
    kinds = ("bernoulli", "uniform", "gaussian")
    with_numba, without_numba = masks(*kinds), masks(*kinds, without_numba=True)
    assert (with_numba[1], without_numba[1]) == (True, False)
    assert with_numba[0] == without_numba[0]


def test_missing_numba_is_said_once() -> None:
    """A warning, not an error, says what is slow and why."""
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "import torch; from normdrop.torch import Dropout\n"
        "for _ in range(3): Dropout()(torch.ones(3))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stderr.count("numba is missing") == 1


def test_unwritable_cache_folder(tmp_path: Path) -> None:
    """Where no folder for machine code can be written, kernels are compiled in memory."""
    folder = tmp_path / "cache"
    folder.write_text("a file where a folder should be")
    folder.chmod(stat.S_IRUSR)
    sums, compiled, _ = masks("bernoulli", NUMBA_CACHE_DIR=str(folder))
    assert (sums, compiled) == (masks("bernoulli")[0], True)


def test_layers_have_their_own_masks() -> None:
    """Masks of two layers in one forward pass do not correlate beyond 5 standard errors (6e-7)."""
    torch.manual_seed(0)
    one, other = Dropout(0.5)(torch.ones(1 << 18)), Dropout(0.5)(torch.ones(1 << 18))
    correlation = torch.corrcoef(torch.stack([one, other]))[0, 1]
    assert abs(correlation) < 5.0 / (1 << 9)
