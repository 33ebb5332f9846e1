"""A worker process: what it asks of the allocator."""

import subprocess
import sys


def test_keeps_freed_memory() -> None:
    """A block of 64 MiB, freed and allocated again, is not mapped and cleared every time.

    The heap takes a few rounds to grow to its lasting size, so the best of several rounds counts;
    without the setting every round faults the whole block in, 16384 pages of 4 KiB.
    """
    code = """
import resource, sys, torch
from normdrop.lab.worker import keep_freed_memory
took = keep_freed_memory()
def fault_count():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(1 << 24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults = min(fault_count() for _ in range(10))
print(took, faults)
assert took == (sys.platform == "linux") and (faults < 1000 or not took)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
