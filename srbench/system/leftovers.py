"""Temporary files and folders named after their process, so that those of killed commands are known and removed.

A name holds the machine and the process: on a folder that machines share, only the own machine knows which of its
processes still run. Another machine's are removed after `OLD_S`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
OWNED = re.compile(r"\.?.*[.-](?P<machine>[0-9a-f]{8})-(?P<process>\d+)([.-][^.]*)?")
OLD_S = 7 * 24 * 3600
OWNER = ".owner"
"""A file that names the process of a folder."""


def temporary_path(path: Path) -> Path:
    """Return the path of a hidden file beside a file, with the same suffix, that is this process's."""
    return path.with_name(f".{path.stem[:32]}.{_owner()}{path.suffix}")


def scratch(prefix: str, parent: Path | None = None) -> tempfile.TemporaryDirectory[str]:
    """Return a new temporary folder, after removing those with this prefix that killed processes left.

    Args:
        prefix: beginning of its name, which ends in ``-``.
        parent: the folder that it is in [default: the system's for temporary files].
    """
    folder = Path(tempfile.gettempdir()) if parent is None else parent
    with suppress(OSError):
        for path in list(folder.glob(f"{glob_escaped(prefix)}*")):
            if _is_abandoned(path) and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{prefix}{_owner()}-", dir=parent)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder, as far as they can be removed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for name in [entry.name for entry in entries if entry.name.startswith(".")]:
            if _is_abandoned(folder / name):
                with suppress(OSError):
                    (folder / name).unlink()


def claim(folder: Path) -> None:
    """Make a folder this process's until `release`, and remove those beside it whose processes were killed."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / OWNER).write_text(f".{_owner()}", encoding="utf-8")
        for owner in folder.parent.glob(f"*/{OWNER}"):
            if _is_abandoned(owner, owner.read_text(encoding="utf-8")):
                shutil.rmtree(owner.parent, ignore_errors=True)


def release(folder: Path, *, keep: bool) -> None:
    """Remove a claimed folder, and the one that it is in if that is then empty; or keep it for good."""
    with suppress(OSError):
        if keep:
            (folder / OWNER).unlink()
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.rmdir()


def glob_escaped(text: str) -> str:
    """Return a text as a pattern that matches only itself."""
    return re.sub(r"([*?[])", r"[\1]", text)


def _owner() -> str:
    return f"{MACHINE}-{os.getpid()}"


def _is_abandoned(path: Path, name: str = "") -> bool:
    """Return whether a path is of a process that has ended, by its name or another."""
    import psutil

    match = OWNED.fullmatch(name or path.name)
    if match is None:
        return False
    if match["machine"] == MACHINE:
        return not psutil.pid_exists(int(match["process"]))
    with suppress(OSError):
        return time.time() - path.lstat().st_mtime > OLD_S
    return False
