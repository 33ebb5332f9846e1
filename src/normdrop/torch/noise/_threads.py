"""Running kernels side by side, beside torch's own threads.

torch's OpenMP threads spin for a while after each parallel region. A second pool that spins too
(numba's own, on any of its layers) would take their cores away. These threads sleep until they are
called, and there is one fewer of them than torch has: the calling thread takes the first share.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

import torch

# Fewer tiles than this for each thread take less time than waking the thread.
_TILES_PER_THREAD = 2048


@lru_cache(maxsize=1)
def _pool(workers: int) -> ThreadPoolExecutor:
    """Sleeping threads, kept for the life of the process or until their number changes."""
    return ThreadPoolExecutor(workers, thread_name_prefix="normdrop-noise")


# A forked process inherits the pool but not its threads: it starts its own.
os.register_at_fork(after_in_child=_pool.cache_clear)


def run_on_tiles(work: Callable[[int, int], None], tiles: int) -> None:
    """Call `work(first, last)` on shares of `tiles`, on at most torch's number of threads."""
    threads = min(torch.get_num_threads(), tiles // _TILES_PER_THREAD)
    if threads <= 1:
        work(0, tiles)
        return
    cuts = [tiles * share // threads for share in range(threads + 1)]
    submit = _pool(threads - 1).submit
    futures = [submit(work, *cut) for cut in pairwise(cuts[1:])]
    work(cuts[0], cuts[1])
    for future in futures:
        future.result()
