"""Kinds of files, told before they are opened: a pipe would block, a link may lead anywhere, a device is no file."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from srbench.errors import SRBenchError, UsageError, one_line

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


def check_readable(path: Path, raises: type[SRBenchError] = SRBenchError) -> None:
    """Check that opening a path cannot block.

    Raises:
        SRBenchError: of the class ``raises``: it is a pipe, a socket or a device.
    """
    if fault := read_fault(path):
        raise raises(f"{path}: {fault}")


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
