"""The allocator's settings."""

import subprocess
import sys


def test_keeps_freed_memory() -> None:
    """A block of 64 MiB, freed and allocated again, is not mapped and cleared a second time."""
    code = """
import resource, sys, torch
from normdrop.lab.memory import keep_freed_memory
took = keep_freed_memory()
torch.ones(1 << 24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones(1 << 24)
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(took, faults)
assert took == (sys.platform == "linux") and (faults < 1000 or not took)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
