"""Where the time of a process goes: seconds by kind of work, from any thread."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stopwatch:
    """Adds up seconds by kind of work."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, kind: str) -> Iterator[None]:
        """Count the seconds of the block as work of this kind."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[kind] += time.perf_counter() - start

    def take(self) -> dict[str, float]:
        """Return the seconds by kind since the last call, and start again at zero."""
        with self._lock:
            seconds = dict(self._seconds)
            self._seconds.clear()
        return seconds
