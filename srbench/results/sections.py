"""The rankings of a board as texts: which columns to show, how to write numbers, which are best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from srbench.errors import counted, unbroken
from srbench.results.board import COST, QUALITY, TIMED
from srbench.results.columns import HEADINGS, metric_heading
from srbench.results.definitions import FIELD

if TYPE_CHECKING:
    import pandas as pd

    from srbench.results.board import Board
    from srbench.results.rows import Row


UNSTEADY = 1.5
"""Ratio of the 90th to the 10th percentile of the latency above which a ranking says that timings spread widely."""


def _shown(board: Board, frame: pd.DataFrame) -> list[str]:
    """Return the columns to show: metrics with a value in this ranking, and cost if it was measured."""
    if board.shown:
        return ["method", *(name for name in board.shown if name != "method")]
    columns = ["method"]
    for name in dict.fromkeys([*QUALITY, *board.metrics]):
        if frame[name].notna().any():
            columns.append(name)
            if name == board.judged:
                columns.append("interval")
                columns += ["vs_best"] if frame["vs_best"].astype(bool).any() else []
    columns += [name for name in COST if frame[name].notna().any()]
    return columns if len(columns) > 1 else ["method", "status"]  # nothing could be scored


def heading(board: Board, column: str, before_unit: str = " ") -> str:
    """Return what stands above a column; a metric's unit follows its name."""
    if column not in board.metrics:
        return HEADINGS.get(column, column)
    return metric_heading(column, str(board.metrics[column].get("unit", "")), before_unit)


def _si(value: float) -> str:
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * size:  # what three digits round up to it
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def text_of(board: Board, row: Row, column: str) -> str:
    """Return the text of one cell."""
    if column in ("method", "status", "vs_best"):
        return unbroken(str(row[column]))
    if column == "interval":
        low, high = (_number(board, row[f"{board.judged}_{side}"], board.judged) for side in ("low", "high"))
        return "-" if low == "-" else f"{low} to {high}"
    return str(row[column]) if isinstance(row[column], str) else _number(board, row[column], column)


def _number(board: Board, value: float | None, column: str) -> str:
    if value is None or math.isnan(value):
        return "-"
    if column in board.metrics:
        return f"{value:.{int(board.metrics[column]['decimals'])}f}"
    if column in ("params", "macs"):
        return _si(value)
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


@dataclass(frozen=True)
class Remark:
    """A line below a ranking, such as why a method has no values or no speed."""

    text: str
    status: str = ""
    """Status of the method in question: ``ok``, ``failed``, ``unsupported``."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Section:
    """One ranking as texts by row and column, with a mark for the best of each column."""

    title: str
    columns: list[str]
    headings: list[str]
    rows: list[list[str]]
    best: list[list[bool]]
    remarks: list[Remark]


def sections(board: Board) -> list[Section]:
    """Return the rankings as texts."""
    return [_section(board, frame) for frame in board.sections()]


def _section(board: Board, frame: pd.DataFrame) -> Section:
    columns = _shown(board, frame)
    rows: list[Row] = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    measured = [row for row in rows if not _is_missing(row["speed_size"])]
    measured.sort(key=lambda row: _is_missing(row["latency_ms"]))  # timed before only counted
    timed = measured[0] if measured else None
    remarks = []
    for row in rows:
        if timed and not math.isnan(row["speed_size"] or math.nan) and _setting(row) != _setting(timed):
            text = f"{row['method']}: speed was measured at another size or batch and is not shown"
            remarks.append(_remark(row, text))
            row.update(dict.fromkeys(COST[1:]))
    ok = [row for row in rows if row["status"] == "ok"]
    remarks += _unsteady(ok)
    marks = {name: _best(board, ok, name) for name in columns if name in board.metrics or name in (*COST, *TIMED)}
    texts, best = [], []
    for row in rows:
        if row["status"] == "ok":
            texts.append([text_of(board, row, name) for name in columns])
            best.append([marks.get(name) == text for name, text in zip(columns, texts[-1], strict=True)])
        else:
            texts.append([unbroken(str(row["method"])), unbroken(str(row["status"]))] + [""] * (len(columns) - 2))
            best.append([False] * len(columns))
            remarks.append(_remark(row, f"{row['method']} {row['status']}: {row['reason']}"))
    return Section(_title(rows[0], timed), columns, [heading(board, name) for name in columns], texts, best, remarks)


def _unsteady(rows: list[Row]) -> list[Remark]:
    """Return a remark on the methods whose timings spread widely, if there are any."""
    ratios = {str(row["method"]): _spread(row) for row in rows}
    wide = [f"{name} ({ratio:.1f})" for name, ratio in ratios.items() if ratio > UNSTEADY]
    if not wide:
        return []
    text = f"timings of {', '.join(wide)} spread widely (90th by 10th percentile): time again on an idle machine"
    return [Remark(unbroken(text))]


def _spread(row: Row) -> float:
    low, high = row["latency_p10_ms"], row["latency_p90_ms"]
    return 1.0 if _is_missing(low) or _is_missing(high) or not low else float(high / low)


def _remark(row: Row, text: str) -> Remark:
    return Remark(unbroken(text), str(row["status"]))


def _title(row: Row, timed: Row | None) -> str:
    """Return the title of a ranking: what all its rows share.

    Args:
        row: any row.
        timed: a row with speed, if there is one.
    """
    parts = [f"{row['dataset']} x{row['scale']}", f"protocol {row['protocol']}", row["device"], row["precision"]]
    if timed:
        size = int(timed["speed_size"])
        subject = "MACs" if _is_missing(timed["latency_ms"]) else "speed"
        statistic = "" if subject == "MACs" else " (medians)"
        parts.append(f"{subject} at LR {size}x{size}, batch {int(timed['speed_batch'])}{statistic}")
    parts += [str(row[FIELD])] if row.get(FIELD) else []
    return unbroken(" | ".join([*parts, f"{counted(int(row['images']), 'image')}"]))


def _is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _setting(row: Row) -> tuple[float, float]:
    return row["speed_size"], row["speed_batch"]


def _best(board: Board, rows: list[Row], column: str) -> str | None:
    """Return the best value of a column as it is printed; None if fewer than two values differ as printed."""
    valued = [row for row in rows if not _is_missing(row[column])]
    if len({text_of(board, row, column) for row in valued}) < 2:
        return None
    choose = min if board.lower_is_better(column) else max
    return text_of(board, choose(valued, key=lambda row: float(row[column])), column)
