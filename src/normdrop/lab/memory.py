"""What the allocator does with freed memory."""

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = 1 << 30


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the next allocation instead of returning it.

    By default glibc maps each block of more than 32 MiB afresh and gives free memory at the top of
    the heap back, so a training step that frees and allocates the same activations pays for mapping
    and clearing their pages each time; on virtual machines that can take longer than computing
    them. Blocks of up to 1 GiB are kept from here on, for the rest of the process.

    Returns:
        Whether the allocator took the settings; false on systems without glibc, where nothing
        happens.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(option, _LARGEST) == 1 for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))
