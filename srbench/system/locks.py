"""Locks between processes. The operating system releases a lock when its holder dies, so none outlives a crash."""

from __future__ import annotations

import contextlib
import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from srbench.errors import SRBenchError, reason_of
from srbench.system.file_kinds import write_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOCK, HOLDER = ".lock", ".lock-holder"


@contextmanager
def locked(
    file: Path, busy: Callable[[], object], patience_s: float = 0, raises: type[SRBenchError] = SRBenchError
) -> Iterator[None]:
    """Hold a lock inside the context.

    Args:
        file: the lock file, which is empty and stays.
        busy: called if another process still holds the lock after ``patience_s``; it raises an error to give up, or
            returns to wait.
        patience_s: seconds to wait before ``busy`` is called.
        raises: the error class if the file cannot be created.

    Raises:
        SRBenchError: of the class ``raises``: the file cannot be created, or is a link or no file.
    """
    if fault := write_fault(file):
        raise raises(f"{file}: {fault}")
    from filelock import FileLock, Timeout

    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=patience_s)
    except Timeout:
        busy()
        lock.acquire()
    except OSError as error:
        raise raises(f"{file.parent}: cannot be written ({reason_of(error)})") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Lock a folder against other runs.

    Raises:
        SRBenchError: another process holds the lock, the folder cannot be written, or its locks are links or no files.
    """
    holder = folder / HOLDER  # not the lock file itself, which acquiring may truncate
    if fault := write_fault(holder):
        raise SRBenchError(f"{holder}: {fault}")

    def refuse() -> NoReturn:
        raise SRBenchError(f"{folder} is in use by {_named(holder)}; wait until it ends, or use another --out")

    with locked(folder / LOCK, refuse):
        with contextlib.suppress(OSError):  # needed only for messages
            holder.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                holder.unlink()


def _named(holder: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return " ".join(holder.read_text(encoding="utf-8").split()) or "another process"
    return "another process"
