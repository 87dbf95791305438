"""From a request to its board: score and time methods, make the tables, save them.

This module does not import torch; only the worker processes need it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from srbench import defaults
from srbench.errors import SRBenchError, UsageError
from srbench.results.board import MEASURED, SORTABLE, load_board
from srbench.results.columns import find_column
from srbench.results.tables import save
from srbench.runs.runner import run

if TYPE_CHECKING:
    from srbench.catalog.catalog import Catalog
    from srbench.results.board import Board
    from srbench.runs.request import Request
    from srbench.runs.runner import Outcome
    from srbench.system.terminal import UI


@dataclass(frozen=True)
class Scored:
    """The result of a run: its outcome, and the board, whose tables are in the run's folder."""

    outcome: Outcome
    board: Board


def score(request: Request, catalog: Catalog, ui: UI) -> Scored:
    """Score and time the methods of a request, make the board and save its tables, as ``srbench run`` does.

    Raises:
        UsageError: a name, scale, column or combination does not exist; nothing was started.
        SRBenchError: the run cannot start.
        KeyboardInterrupt: stopped by the user; finished rows are saved.
    """
    request.check()
    if request.sort != defaults.SORT:
        units = {catalog.metrics[name].name: catalog.metrics[name].unit for name in request.metrics}
        column = find_column(request.sort, units, SORTABLE, "sort by")
        if column in MEASURED and not request.speed and not (request.out / "results.jsonl").exists():
            raise UsageError(f"cannot sort by {request.sort!r}: --no-speed measures no speed and no memory")
    is_new = not request.out.exists()
    try:
        outcome = run(request, catalog, ui)
    except SRBenchError:
        if is_new:
            _remove_unused(request.out)
        raise
    board = load_board([request.out], request.sort if request.sort != defaults.SORT else "", lenient=True)
    save(board, request.out)
    return Scored(outcome, board)


def _remove_unused(folder: Path) -> None:
    """Remove the folder of a run that could not start, if all files in it are empty."""
    with suppress(OSError):
        files = list(folder.iterdir())
        if all(file.is_file() and not file.stat().st_size for file in files):
            for file in files:
                file.unlink()
            folder.rmdir()
            folder.parent.rmdir()  # `runs`, if nothing else is in it


def new_folder() -> Path:
    """Return the default folder of a run: ``runs/<date-time>``."""
    return Path("runs") / datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
