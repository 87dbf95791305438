"""Replace files atomically: written under a temporary name, then renamed, so that no reader sees a partial file."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from srbench.errors import SRBenchError, reason_of
from srbench.system.file_kinds import write_fault
from srbench.system.leftovers import remove_leftovers, temporary_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(
    path: Path,
    raises: type[SRBenchError] = SRBenchError,
    *,
    causes: tuple[type[Exception], ...] = (OSError,),
    remark: str = "",
) -> Iterator[Path]:
    """Yield a temporary file beside ``path``; it replaces ``path`` at the end, or is removed if anything fails.

    Args:
        path: the file to replace; its folder is created.
        raises: the error class for a failed write.
        causes: exceptions that mean a failed write.
        remark: end of the error message, such as what happens to the old file.

    Raises:
        SRBenchError: of the class ``raises``: the file cannot be written, or is a link, a pipe, a socket or a device.
    """
    if fault := write_fault(path):
        raise raises(f"{path}: {fault}")
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except causes as error:
        raise raises(f"{path}: cannot be written ({reason_of(error)}){remark}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    r"""Replace a text file; remove what killed commands left beside it.

    Bytes of paths that are no UTF-8 are written as JSON writes them, such as ``\udce9``.

    Raises:
        SRBenchError: the file cannot be written.
    """
    remove_leftovers(path.parent)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
