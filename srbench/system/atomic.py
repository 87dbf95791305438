"""Files that are replaced whole: written beside their place, then renamed, so that no reader sees half of one."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from srbench.errors import SRBenchError, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEFTOVER = re.compile(r"\..+\.\d+(\.[^.]*)?")
"""Names of files that a killed process may leave."""


@contextmanager
def replacing(
    path: Path,
    raises: type[SRBenchError] = SRBenchError,
    *,
    causes: tuple[type[Exception], ...] = (OSError,),
    remark: str = "",
) -> Iterator[Path]:
    """Lend a file to write beside ``path``, which takes its place at the end, and is removed if anything fails.

    Args:
        path: the file to replace; its folder is made.
        raises: what a failure to write is raised as.
        causes: exceptions that mean a failure to write.
        remark: what to say of the file that stays.

    Raises:
        SRBenchError: of the type ``raises``: the file cannot be written.
    """
    temporary = path.with_name(f".{path.stem[:32]}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except causes as error:
        raise raises(f"{path}: cannot be written ({reason_of(error)}){remark}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half written; nobody else may be writing there.

    Raises:
        OSError: the folder cannot be read or written.
    """
    for path in folder.iterdir():
        if LEFTOVER.fullmatch(path.name):
            path.unlink()


def write_text(path: Path, text: str) -> None:
    """Replace a text file.

    Raises:
        SRBenchError: it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
