"""Kinds of files, told before they are opened: a pipe would block, a link may lead anywhere, a device is no file."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

from srbench.errors import UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_fault(path: Path) -> str:
    """Return why a path, or what it links to, is not read as a file: a pipe, a socket or a device.

    Empty for files and folders, and where nothing is: opening those says what is wrong by itself.
    """
    try:
        return _special(path.stat().st_mode)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return ""


def write_fault(path: Path) -> str:
    """Return why a path is not written to as a file: a link, a pipe, a socket or a device; empty if it is not."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return f"is a link to {one_line(path.readlink())}, and links are not written through: remove it"
        return _special(mode)
    except (OSError, ValueError):
        return ""


def no_file(path: Path, kind: str = "file") -> str:
    """Return what to say of a path that is not the file or folder that it should be."""
    return read_fault(path) or f"no such {kind}"


def check_readable(path: Path) -> None:
    """Check that opening a path cannot block, and reading it ends.

    Raises:
        OSError: it is a pipe, a socket or a device.
    """
    if fault := read_fault(path):
        raise OSError(errno.EINVAL, fault, str(path))


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8.

    Raises:
        OSError: it cannot be read, or is a pipe, a socket or a device.
        UnicodeDecodeError: it is no UTF-8.
    """
    check_readable(path)
    return path.read_text(encoding="utf-8")


def check_outputs(folder: Path, names: Iterable[str]) -> None:
    """Check that files and folders of these names may be written to, before anything is.

    Raises:
        UsageError: one of them is a link, a pipe, a socket or a device.
    """
    for name in names:
        if fault := write_fault(folder / name):
            raise UsageError(f"{folder / name}: {fault}")


def _special(mode: int) -> str:
    return next((f"is {name}, not a file" for is_kind, name in KINDS if is_kind(mode)), "")
