"""Compiling kernels, and running them side by side, beside torch's own threads.

torch's OpenMP threads spin for a while after each parallel region. A second pool that spins too
(numba's own, on any of its layers) would take their cores away. These threads sleep until they are
called, and there is one fewer of them than torch has: the calling thread works, too. All take the
next share until none is left, so that a thread that wakes late, while its core still spins for
torch, delays nobody.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from threading import Lock
from typing import Any

import torch

# So many tiles take a tenth of a millisecond, several times as long as handing them to a thread.
_TILES_PER_SHARE = 1024


def compiled(function: Callable[..., None], **options: Any) -> Callable[..., None]:  # noqa: ANN401 - numba's
    """Compile on first use and keep the machine code on disk, or in memory where no folder is."""
    from numba import njit

    try:
        kernel: Callable[..., None] = njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # numba found no folder it may write to
        kernel = njit(nogil=True, **options)(function)
    return kernel


@lru_cache(maxsize=1)
def _pool(workers: int) -> ThreadPoolExecutor:
    """Sleeping threads, kept for the life of the process or until their number changes."""
    return ThreadPoolExecutor(workers, thread_name_prefix="normdrop-noise")


# A forked process inherits the pool but not its threads: it starts its own.
os.register_at_fork(after_in_child=_pool.cache_clear)


def run_on_tiles(
    work: Callable[[int, int], None], tiles: int, share: int = _TILES_PER_SHARE
) -> None:
    """Call `work(first, last)` on shares of `tiles`, on at most torch's number of threads."""
    threads = min(torch.get_num_threads(), tiles // (2 * share))
    if threads <= 1:
        work(0, tiles)
        return
    shares = pairwise([*range(0, tiles, share), tiles])
    lock = Lock()

    def drain() -> None:
        while bounds := _next(shares, lock):
            work(*bounds)

    futures = [_pool(threads - 1).submit(drain) for _ in range(threads - 1)]
    drain()
    for future in futures:
        if not future.cancel():
            future.result()


def _next(shares: Iterator[tuple[int, int]], lock: Lock) -> tuple[int, int] | None:
    """A share that no other thread has taken."""
    with lock:
        return next(shares, None)
