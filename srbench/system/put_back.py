"""What foreign code changes of this process as it is imported is put back, so that the command goes on as it began."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEFT: set[threading.Thread] = set()
"""Threads that foreign code started, and for which Python would wait at its end."""


@contextlib.contextmanager
def put_back() -> Iterator[None]:
    """Put back the working folder, the standard streams, the umask, the limit of recursion and the module path.

    Copies of this process that the code inside the context makes by a fork end here: both would do the command's work.
    """
    process, folder, path = os.getpid(), _folder(), list(sys.path)
    streams, limit, threads = (sys.stdin, sys.stdout, sys.stderr), sys.getrecursionlimit(), set(threading.enumerate())
    mask = os.umask(0)
    os.umask(mask)
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(0)
        os.umask(mask)
        sys.setrecursionlimit(limit)
        if folder != _folder():
            with contextlib.suppress(OSError):
                os.chdir(folder)
        sys.path += [entry for entry in path if entry not in sys.path]
        sys.stdin, sys.stdout, sys.stderr = streams
        if sys.stderr is not None and sys.stderr.closed:
            sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (open as long as the process)
        _LEFT.update(thread for thread in set(threading.enumerate()) - threads if not thread.daemon)


def leave(code: int) -> None:
    """End this process at once if threads of foreign code would keep it; else do nothing."""
    if any(thread.is_alive() for thread in _LEFT):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""
