"""Leaving the random generators as they were."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Seed every global generator to 0 inside, and restore each one after.

    With a fixed seed a model that skips layers at random is captured the same way every time.
    """
    cuda = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = torch.cuda.get_rng_state_all() if cuda else None
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 - the global state is what is kept
    try:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - same
        torch.default_generator.manual_seed(0)
        if devices is not None:
            torch.cuda.manual_seed_all(0)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - same
        torch.set_rng_state(cpu)
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)
