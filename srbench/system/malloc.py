"""Settings of the C library's allocator, which on a CPU can cost more time than an operator."""

from __future__ import annotations

import contextlib
import ctypes


def return_memory() -> None:
    """Let glibc return freed blocks of 4 MiB and more to the system at once: less memory, more time.

    By default it keeps freed blocks of up to 32 MiB, and large tiles leave holes that the next tiles do not fit into.
    """
    mmap_threshold = -3  # malloc.h
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(mmap_threshold, 2**22)


def keep_memory() -> None:
    """Let glibc keep freed blocks up to 64 MiB, and 256 MiB at the end of the heap, for the next tensor.

    By default the kernel maps and clears new memory for each large tensor: a training step of srresnet took 12 to 15 %
    longer, luma and SSIM of an image three times as long. Does nothing with another C library.
    """
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_threshold, 2**26)
        libc.mallopt(trim_threshold, 2**28)


def trim() -> None:
    """Return freed memory to the system, with glibc."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
