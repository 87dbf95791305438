"""How a board looks: terminal, CSV, Markdown, LaTeX, JSON."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from srbench.errors import printable
from srbench.leaderboard import COST, FEWEST_FOR_TEST, QUALITY
from srbench.results import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import RenderableType

    from srbench.leaderboard import Board
    from srbench.results import Row

UNITS = {"psnr": "PSNR dB", "images_per_s": "img/s", "mpix_per_s": "MPix/s", "latency_ms": "ms", "peak_mem_mib": "MiB"}
HEADINGS = {
    "method": "method",
    "interval": "95 % CI",
    "vs_best": "vs best",
    "params": "params",
    "macs": "MACs",
    **UNITS,
}


def _shown(board: Board, frame: pd.DataFrame) -> list[str]:
    """Return the columns worth showing: metrics that have a value in this ranking, and cost where it was measured."""
    columns = ["method"]
    for name in dict.fromkeys([*QUALITY, *board.metrics]):
        if frame[name].notna().any():
            columns.append(name)
            if name == board.judged:
                columns.append("interval")
                columns += ["vs_best"] if frame["vs_best"].astype(bool).any() else []
    columns += [name for name in COST if frame[name].notna().any()]
    return columns if len(columns) > 1 else ["method", "status"]  # nothing could be scored


def _heading(column: str) -> str:
    return HEADINGS.get(column, column.upper())


def _si(value: float) -> str:
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def _text(board: Board, row: Row, column: str) -> str:
    """Return one cell as it is shown."""
    if column in ("method", "status", "vs_best"):
        return _plain(str(row[column]))
    if column == "interval":
        low, high = (_number(board, row[f"{board.judged}_{side}"], board.judged) for side in ("low", "high"))
        return "-" if low == "-" else f"{low} to {high}"
    return _number(board, row[column], column)


def _number(board: Board, value: float | None, column: str) -> str:
    if value is None or math.isnan(value):
        return "-"
    if column in board.metrics:
        return f"{value:.{int(board.metrics[column]['decimals'])}f}"
    if column in ("params", "macs"):
        return _si(value)
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


@dataclass(frozen=True)
class Section:
    """One ranking, ready to be shown: texts by row and column, and which of them are the best of their column."""

    title: str
    columns: list[str]
    headings: list[str]
    rows: list[list[str]]
    best: list[list[bool]]
    remarks: list[str]


def sections(board: Board) -> list[Section]:
    """Return the rankings as texts."""
    result = []
    for frame in board.sections():
        columns = _shown(board, frame)
        rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
        sized = next((row for row in rows if row["speed_size"] and not math.isnan(row["speed_size"])), None)
        texts, best, remarks = [], [], []
        for row in rows:
            if sized and not math.isnan(row["speed_size"] or math.nan) and _setting(row) != _setting(sized):
                remarks.append(f"{row['method']}: speed was measured at another size or batch and is not shown")
                row.update(dict.fromkeys(COST[1:]))
        ok = [row for row in rows if row["status"] == "ok"]
        marks = {
            name: _best(board, ok, name) for name in columns if name not in ("method", "status", "interval", "vs_best")
        }
        for row in rows:
            if row["status"] == "ok":
                texts.append([_text(board, row, name) for name in columns])
                best.append([name in marks and row[name] == marks[name] for name in columns])
            else:
                texts.append([_plain(str(row["method"])), _plain(str(row["status"]))] + [""] * (len(columns) - 2))
                best.append([False] * len(columns))
                remarks.append(f"{row['method']} {row['status']}: {row['reason']}")
        top = rows[0]
        title = f"{top['dataset']} x{top['scale']} | protocol {top['protocol']} | {top['device']} | {top['precision']}"
        title = _plain(title)
        if sized:
            size = int(sized["speed_size"])
            title += f" | speed at LR {size}x{size}, batch {int(sized['speed_batch'])}"
        headings = [_heading(name) for name in columns]
        result.append(
            Section(
                f"{title} | {int(top['images'])} images", columns, headings, texts, best, list(map(_plain, remarks))
            )
        )
    return result


def _setting(row: Row) -> tuple[float, float]:
    return row["speed_size"], row["speed_batch"]


def _best(board: Board, rows: list[Row], column: str) -> float | None:
    values = [row[column] for row in rows if row[column] is not None and not math.isnan(row[column])]
    if len(values) < 2 or min(values) == max(values):
        return None
    return float(min(values) if board.lower_is_better(column) else max(values))


def render(board: Board, *, plain: bool, width: int) -> list[RenderableType]:
    """Return the board for rich: tables with the best of each column marked, remarks below.

    A table wider than the terminal is cut into several, each beginning with the method; no number is cut.
    """
    from rich.text import Text

    parts = [part for section in sections(board) for part in render_section(section, plain=plain, width=width)]
    return [*parts, *(Text(_plain(note)) for note in [*board.notes, *_legend(board)])]


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
    """Return which columns stand together in a table, so that each table fits the width."""
    rows = [section.headings, *section.rows]
    wide = [max(len(row[i]) for row in rows) + 4 for i in range(len(section.headings))]  # a mark and the space around
    tables = [[0]]
    for i in range(1, len(wide)):
        if len(tables[-1]) > 1 and sum(wide[k] for k in (*tables[-1], i)) > width:
            tables.append([0])
        tables[-1].append(i)
    return tables


def _table(section: Section, columns: list[int], *, plain: bool) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.ASCII2 if plain else box.SIMPLE_HEAD)
    for i in columns:
        table.add_column(section.headings[i], justify="left" if i == 0 else "right", no_wrap=True)
    for row, best in zip(section.rows, section.best, strict=True):
        cells = ((row[i], best[i]) for i in columns)
        table.add_row(*(Text(f"{text}*" if won else text, style="bold green" if won else "") for text, won in cells))
    return table


def _legend(board: Board) -> list[str]:
    legend = ["* best of its column."]
    if board.frame["vs_best"].astype(bool).any():
        legend.append(
            f"vs best: difference in {board.judged.upper()} from the best, paired over images (Wilcoxon, Holm, 5 %): "
            f"worse = significant, tie = not; not claimed below {FEWEST_FOR_TEST} images."
        )
    return legend


def to_csv(board: Board) -> str:
    """Return the whole board, full precision, one line per row; undefined values are empty, infinite ones ``inf``."""
    return frame_to_csv(board.frame)


def frame_to_csv(frame: pd.DataFrame, *, header: bool = True) -> str:
    """Return rows of a board as CSV; texts are what a spreadsheet shows as texts."""
    return frame.map(spreadsheet_text).to_csv(index=False, header=header, lineterminator="\n")


def spreadsheet_text(value: Any) -> Any:
    """Return a value of which no spreadsheet makes a formula; numbers are left as they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def to_json(board: Board) -> str:
    """Return the board as a JSON list; undefined values are null, infinite ones ``"inf"``."""

    def plain(value: Any) -> Any:
        if isinstance(value, float) and math.isinf(value):
            return str(value)
        return None if pd.isna(value) else value

    records = [{str(k): plain(v) for k, v in row.items()} for row in board.frame.to_dict("records")]
    return json.dumps(records, indent=2, ensure_ascii=False, default=lambda number: number.item()) + "\n"


@dataclass(frozen=True)
class Lines:
    """A ranking as text: the lines before its rows, one line per row, the lines behind them."""

    head: list[str]
    rows: list[str]
    tail: list[str]

    @property
    def all(self) -> list[str]:
        """The whole ranking."""
        return [*self.head, *self.rows, *self.tail]


def to_markdown(board: Board) -> str:
    """Return GitHub Markdown, the best of each column in bold."""
    lines = [line for section in sections(board) for line in markdown_lines(section).all]
    return "\n".join([*lines, *markdown_notes(board)]).rstrip() + "\n"


def markdown_notes(board: Board) -> list[str]:
    """Return what stands below the rankings."""
    return [f"{_markdown(note)}  " for note in [*board.notes, *_legend(board)[1:]]]


def markdown_lines(section: Section) -> Lines:
    """Return a ranking as GitHub Markdown."""
    head = [f"**{_markdown(section.title)}**", "", "| " + " | ".join(section.headings) + " |"]
    head.append("|---" + "|---:" * (len(section.headings) - 1) + "|")
    rows = []
    for row, best in zip(section.rows, section.best, strict=True):
        cells = (f"**{_markdown(t)}**" if b else _markdown(t) for t, b in zip(row, best, strict=True))
        rows.append("| " + " | ".join(cells) + " |")
    remarks = [f"- {_markdown(remark)}" for remark in section.remarks]
    return Lines(head, rows, ["", *remarks, *([""] if remarks else [])])


def _markdown(text: str) -> str:
    return re.sub(r"([\\|`*\[\]])", r"\\\1", _plain(text)).replace("<", "&lt;")


def _plain(text: str) -> str:
    """Return a text of any origin as one line that steers nothing."""
    return printable(" ".join(text.split()))


def to_latex(board: Board) -> str:
    """Return booktabs tables, the best of each column in bold."""
    return "\n".join(line for section in sections(board) for line in latex_lines(section).all)


def latex_lines(section: Section) -> Lines:
    """Return a ranking as a booktabs table."""
    special = {c: f"\\{c}" for c in "&%$#_{}"} | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }

    def clean(text: str) -> str:
        return "".join(special.get(c, c) for c in text)

    head = [f"% {section.title}", rf"\begin{{tabular}}{{l{'r' * (len(section.headings) - 1)}}}", r"\toprule"]
    head += [" & ".join(map(clean, section.headings)) + r" \\", r"\midrule"]
    rows = []
    for row, best in zip(section.rows, section.best, strict=True):
        cells = (rf"\textbf{{{clean(t)}}}" if b else clean(t) for t, b in zip(row, best, strict=True))
        rows.append(" & ".join(cells) + r" \\")
    return Lines(head, rows, [r"\bottomrule", r"\end{tabular}", ""])


def save(board: Board, folder: Path) -> None:
    """Write ``leaderboard.csv`` and ``leaderboard.md`` into a run's folder.

    Raises:
        SRBenchError: they cannot be written.
    """
    write_text(folder / "leaderboard.csv", to_csv(board))
    write_text(folder / "leaderboard.md", to_markdown(board))


BESIDE = "decode", "write"
"""Work that other threads do while the network and the metrics work on."""


def time_line(seconds: Mapping[str, float]) -> str:
    """Say where the time of a run's worker went; what was done beside the rest comes last."""
    shown = {kind: f"{kind} {spent:.1f} s" for kind, spent in seconds.items() if spent >= 0.05}
    line = ", ".join(text for kind, text in shown.items() if kind not in BESIDE)
    beside = ", ".join(shown[kind] for kind in BESIDE if kind in shown)
    return f"{line}; beside it {beside}" if beside else line
