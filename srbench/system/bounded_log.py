"""A log file of bounded size, written from what a process prints: its first and its last bytes are kept.

The process writes to a pipe, and a thread of this process writes the file, as soon as anything arrives: what was
printed before a crash is in it. A file that the process itself wrote to could not be bounded, as processes that it
starts inherit the descriptor.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAD = TAIL = 2**20
"""Bytes that are kept of the beginning and of the end. The file has at most ``HEAD + 2 * TAIL`` and `CUT`."""
CUT = b"\n[...] only the first and the last MiB of a log are kept [...]\n"
BLOCK = 2**16
PATIENCE_S = 2.0
"""Seconds that `finish` waits: a process that a plugin left behind may keep the pipe open."""


class BoundedLog:
    """Writes what a process prints to the end of a file, and cuts the middle of the file out where it grows too long.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file = path.open("r+b", buffering=0)
        self._size = self._file.seek(0, os.SEEK_END)
        self._thread: threading.Thread | None = None

    def follow(self, output: IO[bytes]) -> None:
        """Write what arrives from a pipe, in a thread, until its end."""
        self._thread = threading.Thread(target=self._drain, args=(output,), daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until all that the process printed is in the file."""
        if self._thread is not None:
            self._thread.join(PATIENCE_S)

    def _drain(self, output: IO[bytes]) -> None:
        with self._file, output:
            while data := os.read(output.fileno(), BLOCK):
                with suppress(OSError):  # a full disk: the process must not wait for ever to print
                    self._write(data)

    def _write(self, data: bytes) -> None:
        while data:
            written = self._file.write(data) or 0
            self._size, data = self._size + written, data[written:]
        if self._size >= HEAD + 2 * TAIL:
            self._file.seek(-TAIL, os.SEEK_END)
            tail = self._file.read(TAIL)
            self._file.seek(HEAD)
            self._file.write(CUT + tail)
            self._size = self._file.tell()
            self._file.truncate()
