"""From a request to its board: score and time what was asked, make the tables, save them.

Nothing here needs torch: the processes that work import it, while the one that started them waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from srbench import defaults
from srbench.errors import UsageError
from srbench.results.board import COST, load_board
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
    """What a run left: how it ended, and the board, whose tables lie in the run's folder."""

    outcome: Outcome
    board: Board


def score(request: Request, catalog: Catalog, ui: UI) -> Scored:
    """Score and time what was asked, make the board and save its tables: all that ``srbench run`` does but show it.

    Raises:
        UsageError: a name, scale, column or combination does not exist; nothing was started.
        SRBenchError: the run cannot be done at all.
        KeyboardInterrupt: stopped by the user; what was done is saved.
    """
    request.check()
    columns = [*request.metrics, *COST, "method"]
    if request.sort not in [*columns, defaults.SORT]:
        raise UsageError(f"cannot sort by {request.sort!r}; there are: {', '.join(columns)}")
    outcome = run(request, catalog, ui)
    board = load_board([request.out], request.sort)
    save(board, request.out)
    return Scored(outcome, board)


def new_folder() -> Path:
    """Return the folder of a run that names none: ``runs/<date-time>``."""
    return Path("runs") / datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
