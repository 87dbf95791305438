"""What the C library does with freed memory, which on a CPU costs more than many an operator."""

from __future__ import annotations

import contextlib
import ctypes


def return_memory() -> None:
    """Let glibc give freed blocks of 4 MiB and more back at once, where memory counts for more than time.

    By default it keeps what has been freed up to 32 MiB, and large tiles leave holes that the next ones do not fit in.
    """
    mmap_threshold = -3  # malloc.h
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(mmap_threshold, 2**22)


def keep_memory() -> None:
    """Let glibc keep freed blocks up to 64 MiB, and 256 MiB at the end of the heap, for the next tensor.

    By default each large tensor is memory that the kernel must map and clear anew: a training step of srresnet took 12
    to 15 % longer, luma and SSIM of an image three times as long. Does nothing where the C library is another.
    """
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_threshold, 2**26)
        libc.mallopt(trim_threshold, 2**28)
