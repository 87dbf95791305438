"""The folder of a run: the files that commands write to it, and whether a folder that exists may be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.errors import ImageError
from srbench.results.pictures import SavedPictures
from srbench.results.rows import check_rows, read_rows
from srbench.results.run_file import NAME, read_run_file
from srbench.system.file_kinds import check_outputs
from srbench.system.leftovers import remove_leftovers

if TYPE_CHECKING:
    from pathlib import Path

RESULTS, LOG, IMAGES = "results.jsonl", "worker.log", "images"
FILES = (NAME, RESULTS, LOG, "leaderboard.csv", "leaderboard.md", "report.html", "slurm")
"""What commands write to it beside images."""


def check_run_folder(folder: Path) -> None:
    """Check that a folder can take the results of a run; nothing in it is changed.

    Raises:
        UsageError: a file or folder to write to is a link, a pipe, a socket or a device.
        SRBenchError: its ``run.json`` or ``results.jsonl`` is not srbench's, or of another schema.
    """
    pictures = [path for depth in ("*", "*/*") for path in (folder / IMAGES).glob(depth)]
    check_outputs(folder, [*FILES, IMAGES, *(str(path.relative_to(folder)) for path in pictures)])
    if (folder / NAME).exists():
        read_run_file(folder)
    check_rows(folder / RESULTS)


def remove_leftovers_of_run(folder: Path) -> None:
    """Remove the temporary files that killed commands left in the folder of a run and among its pictures."""
    for path in (folder, *(folder / IMAGES).glob("*/*")):
        remove_leftovers(path)


def check_picture(file: Path) -> None:
    """Check that a file, if it is among the pictures of a run, is as it was saved.

    Raises:
        ImageError: it is a link, or has changed.
        SRBenchError: the run's results cannot be read.
    """
    path = file.absolute()
    for folder in path.parents:
        inside = path.relative_to(folder)
        if inside.parts[0] == IMAGES and (folder / NAME).is_file():
            saved = SavedPictures(folder).add(read_rows(folder / RESULTS))
            if fault := saved.fault(inside.as_posix(), read=True):
                raise ImageError(f"{file}: the saved pictures of its run {fault}")
            return
