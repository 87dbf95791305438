"""Work on many small files in threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 64
"""Items per task: a task each would cost more time and memory than a small file does."""
THREADS = min(16, os.cpu_count() or 1)
"""More than there are cores wait for Python's lock most of the time: 6 on 2 cores take twice the processor time."""


def in_threads(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return what ``work`` gives for each item, in their order."""
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(chain.from_iterable(pool.map(lambda chunk: [work(item) for item in chunk], chunks)))
