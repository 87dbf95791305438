"""Compare the ``leaderboard.csv`` of a run with the board that its rows give."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import TYPE_CHECKING

from srbench.results.board import load_board
from srbench.results.formats import to_csv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from srbench.results.rows import Row

NAME = "leaderboard.csv"
SORTED = "vs_best"
"""The column that depends on which metric the run was ranked by, which is not recorded."""
DIGITS = 9
"""Digits in which numbers are compared: means of other processors may differ in the last ones."""


def check_board(run_dir: Path, run: Row) -> tuple[list[str], str]:
    """Return the rows of a run's CSV that its results do not give, by name, and why it was not looked at.

    Raises:
        SRBenchError: the results cannot be read.
    """
    try:
        text = (run_dir / NAME).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return [], f"{NAME} (it is not there)"
    if not run["commands"] or "seconds" not in run["commands"][-1]:
        return [], f"{NAME} (the run has not ended)"
    present = to_csv(load_board([run_dir], lenient=True))
    then, now = _rows(text), _rows(present)
    if next(then, None) != next(now, None):
        return [], f"{NAME} (it has other columns: of another version of srbench)"
    stated, given = Counter(then), Counter(now)
    return list(dict.fromkeys(_name(row) for row in ((stated - given) + (given - stated)))), ""


def _rows(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the header and the rows, without the verdicts and with rounded numbers."""
    lines = csv.reader(io.StringIO(text))
    header = next(lines, [])
    kept = [i for i, name in enumerate(header) if name != SORTED]
    yield tuple(header)
    for line in lines:
        yield tuple(_rounded(line[i]) if i < len(line) else "" for i in kept)


def _rounded(text: str) -> str:
    try:
        return f"{float(text):.{DIGITS}g}"
    except ValueError:
        return text


def _name(row: tuple[str, ...]) -> str:
    method, dataset, scale, protocol = (*row, "", "", "", "")[:4]
    return f"{method} on {dataset} x{scale}, {protocol}"
