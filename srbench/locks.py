"""Locks between processes. The operating system drops one when its holder dies, so that none outlives a crash."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def locked(file: Path, busy: Callable[[], object], patience_s: float = 0) -> Iterator[None]:
    """Hold a lock while entered.

    Args:
        file: what is locked, an empty file of its own; it stays.
        busy: called when another process still holds the lock after ``patience_s``; what it raises is the refusal, and
            if it returns, the lock is waited for.
        patience_s: how long that is not worth a word, in seconds.

    Raises:
        OSError: the file cannot be made.
    """
    from filelock import FileLock, Timeout

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(timeout=patience_s)
    except Timeout:
        busy()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
