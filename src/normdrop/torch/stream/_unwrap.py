"""The model inside its wrappers, run call by call."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from normdrop.torch._values import need_values


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside `torch.compile`, `DistributedDataParallel` and `DataParallel`.

    These change where or how fast it runs, not what it computes; their buffers and modules are the
    model's own. Inside, no process waits for another's batch.

    Raises:
        UsageError: The model is on the `meta` device, without values.
    """
    while True:
        compiled = model._modules.get("_orig_mod")  # noqa: SLF001 - how torch.compile keeps it
        if compiled is not None:
            model = compiled
        elif isinstance(model, DistributedDataParallel | DataParallel):
            inner: nn.Module = model.module
            model = inner
        else:
            break
    need_values(model)
    return model


@contextmanager
def eager() -> Iterator[None]:
    """Compiled modules inside run uncompiled, so that their norm layers are seen."""
    if "torch._dynamo" not in sys.modules:  # nothing is compiled, and importing it takes seconds
        yield
        return
    with torch._dynamo.config.patch(disable=True):  # noqa: SLF001 - torch names no other way in 2.5
        yield
