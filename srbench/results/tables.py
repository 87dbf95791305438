"""Show a board on the terminal, and save its files in a run's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.errors import unbroken
from srbench.results.formats import legend, to_csv, to_markdown
from srbench.results.sections import Section, sections
from srbench.system.atomic import write_text
from srbench.system.text_tables import empty_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import RenderableType

    from srbench.results.board import Board


def render(board: Board, *, plain: bool, width: int) -> list[RenderableType]:
    """Return the board for rich: tables with the best of each column marked, remarks below.

    A table wider than the terminal is split into several, each starting with the method; no number is truncated.
    """
    from rich.text import Text

    parts = [part for section in sections(board) for part in render_section(section, plain=plain, width=width)]
    return [*parts, *(Text(unbroken(note)) for note in [*board.notes, *legend(board)])]


def render_section(section: Section, *, plain: bool, width: int) -> list[RenderableType]:
    """Return one ranking for rich, as `render` does."""
    from rich.text import Text

    return [
        Text(section.title, style="" if plain else "bold"),
        *(_table(section, columns, plain=plain) for columns in _fitting(section, width)),
        *(Text(f"  {remark}", style="" if plain else "yellow") for remark in section.remarks),
        Text(""),
    ]


def _fitting(section: Section, width: int) -> list[list[int]]:
    """Return the columns of each table, so that each table fits the width."""
    rows = [section.headings, *section.rows]
    widths = [max(len(row[i]) for row in rows) + 4 for i in range(len(section.headings))]  # with mark and padding
    tables = [[0]]
    for i in range(1, len(widths)):
        if len(tables[-1]) > 1 and sum(widths[k] for k in (*tables[-1], i)) > width:
            tables.append([0])
        tables[-1].append(i)
    return tables


def _table(section: Section, columns: list[int], *, plain: bool) -> RenderableType:
    from rich.text import Text

    table = empty_table(plain=plain)
    for i in columns:
        table.add_column(section.headings[i], justify="left" if i == 0 else "right", no_wrap=True)
    for row, best in zip(section.rows, section.best, strict=True):
        cells = ((row[i], best[i]) for i in columns)
        table.add_row(*(Text(f"{text}*" if top else text, style="bold green" if top else "") for text, top in cells))
    return table


def save(board: Board, folder: Path) -> None:
    """Write ``leaderboard.csv`` and ``leaderboard.md`` into a run's folder.

    Raises:
        SRBenchError: a file cannot be written.
    """
    write_text(folder / "leaderboard.csv", to_csv(board))
    write_text(folder / "leaderboard.md", to_markdown(board))


PARALLEL = "decode", "write"
"""Work of other threads, parallel to the network and the metrics."""


def time_line(seconds: Mapping[str, float]) -> str:
    """Return one line on the time spent in a run's worker, in seconds; parallel work comes last."""
    shown = {kind: f"{kind} {spent:.1f} s" for kind, spent in seconds.items() if spent >= 0.05}
    line = ", ".join(text for kind, text in shown.items() if kind not in PARALLEL)
    parallel = ", ".join(shown[kind] for kind in PARALLEL if kind in shown)
    return "; ".join(filter(None, [line, parallel and f"in parallel: {parallel}"]))
