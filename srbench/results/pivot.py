"""The table of a paper: methods by datasets, several metrics in a cell, the best bold and the second underlined."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from srbench.errors import UsageError, unbroken
from srbench.results.board import COST
from srbench.results.definitions import FIELD
from srbench.results.formats import latex_text, markdown_text, spreadsheet_text
from srbench.results.sections import heading, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from srbench.results.board import Board
    from srbench.results.rows import Row

GROUP = ["scale", "protocol", "protocol_version", "device", "precision"]
"""What all rows of a table share."""
COSTS = {*COST, "latency_p10_ms", "latency_p90_ms", "speed_size", "speed_batch"}
"""Columns that are the same on every dataset."""
IN_CELL = 2
"""Metrics shown in a cell where none are named."""


@dataclass(frozen=True)
class Cell:
    """A text, and its rank among the different texts of its column: 1 for the best, 0 if it has none."""

    text: str
    rank: int = 0


@dataclass(frozen=True)
class Pivot:
    """One table; each cell holds one text per metric."""

    title: str
    metrics: list[str]
    """Headings of the metrics in a cell."""
    costs: list[str]
    """Headings of the columns that are the same on every dataset."""
    datasets: list[str]
    rows: list[tuple[str, list[Cell], list[list[Cell]]]]
    """The method, its costs, and its cells by dataset."""
    left_out: list[str]
    """Headings of the costs that no row has a value of."""


def pivots(board: Board) -> list[Pivot]:
    """Return a table for each scale, protocol, device and precision of a board.

    Raises:
        UsageError: a column has no place in such a table, or no metric has a value.
    """
    shown = board.shown or tuple([name for name in board.metrics if board.frame[name].notna().any()][:IN_CELL])
    metrics = [name for name in shown if name in board.metrics]
    costs = [name for name in shown if name not in board.metrics and name != "method"]
    if wrong := [name for name in costs if name not in COSTS]:
        raise UsageError(f"--pivot has no place for the column {wrong[0]!r}; there are metrics and costs")
    if not metrics:
        raise UsageError("--pivot needs a metric that has values; --columns names which")
    return [_pivot(board, rows, metrics, costs) for rows in _groups(board)]


def _groups(board: Board) -> list[list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for record in board.frame.to_dict("records"):
        row = {str(name): value for name, value in record.items()}
        groups.setdefault(tuple(row.get(name) for name in (*GROUP, FIELD)), []).append(row)
    return list(groups.values())


def _pivot(board: Board, rows: list[Row], metrics: list[str], costs: list[str]) -> Pivot:
    datasets = dict.fromkeys((row["dataset"], row["dataset_hash"]) for row in rows)
    position = {name: i for i, name in enumerate(board.datasets)}
    order = sorted(datasets, key=lambda key: position.get(f"{key[0]} x{rows[0]['scale']}", len(position)))
    sets = dict.fromkeys(order, "")
    named = [name for name, _ in sets]
    for name, digest in sets:  # two versions of a dataset are two columns
        sets[name, digest] = unbroken(name if named.count(name) == 1 else f"{name} ({digest[:6]})")
    by_method: dict[tuple[str, str], dict[str, Row]] = {}
    for row in sorted(rows, key=lambda row: order.index((row["dataset"], row["dataset_hash"]))):
        key = row["method"], row["weights"]
        by_method.setdefault(key, {})[sets[row["dataset"], row["dataset_hash"]]] = row
    methods = list(by_method)
    columns = {
        (dataset, metric): _ranked(board, [by_method[key].get(dataset) for key in methods], metric)
        for dataset in sets.values()
        for metric in metrics
    }
    by_cost = {
        cost: _ranked(board, [_with_value(by_method[key].values(), cost) for key in methods], cost) for cost in costs
    }
    left_out = [cost for cost, cells in by_cost.items() if all(cell.text == "-" for cell in cells)]
    costs = [cost for cost in costs if cost not in left_out]
    names = [method for method, _ in methods]
    table = [
        (
            unbroken(method if names.count(method) == 1 else f"{method} ({weights[:6]})"),
            [by_cost[cost][i] for cost in costs],
            [[columns[dataset, metric][i] for metric in metrics] for dataset in sets.values()],
        )
        for i, (method, weights) in enumerate(methods)
    ]
    first = rows[0]
    parts = [f"x{first['scale']}", f"protocol {first['protocol']}", first["device"], first["precision"]]
    title = unbroken(" | ".join([*parts, *([first[FIELD]] if first.get(FIELD) else [])]))
    return Pivot(
        title,
        [heading(board, name) for name in metrics],
        [heading(board, name) for name in costs],
        [*sets.values()],
        table,
        [heading(board, name) for name in left_out],
    )


def _ranked(board: Board, rows: Sequence[Row | None], column: str) -> list[Cell]:
    """Return the cells of a column; texts that are equal as printed have the same rank."""
    values = [_value(row, column) for row in rows]
    texts = [
        text_of(board, row, column) if row is not None and not math.isnan(value) else "-"
        for row, value in zip(rows, values, strict=True)
    ]
    known = [(value, text) for value, text in zip(values, texts, strict=True) if not math.isnan(value)]
    known.sort(reverse=not board.lower_is_better(column))
    order = [text for _, text in known]
    different = order[:1] + [after for before, after in pairwise(order) if after != before]
    if len(different) < 2:
        return [Cell(text) for text in texts]
    return [Cell(text, different.index(text) + 1 if text in different else 0) for text in texts]


def _with_value(rows: Iterable[Row], column: str) -> Row:
    """Return the first of a method's rows with a value in a column, else the first."""
    several = list(rows)
    return next((row for row in several if not math.isnan(_value(row, column))), several[0])


def _value(row: Row | None, column: str) -> float:
    value = row[column] if row is not None and row["status"] == "ok" else None
    return float(value) if isinstance(value, int | float) else math.nan


def remarks(tables: Sequence[Pivot]) -> list[str]:
    """Return a line on each table that lacks columns that were named."""
    return [f"{table.title}: no value of {', '.join(table.left_out)}, left out" for table in tables if table.left_out]


def to_text(tables: Sequence[Pivot], style: str) -> str:
    """Return tables as ``markdown``, ``latex``, ``csv``, ``json`` or for a ``terminal``."""
    make: dict[str, Callable[[Pivot], list[str]]] = {"markdown": _markdown, "latex": _latex, "terminal": _terminal}
    if style == "csv":
        return _csv(tables)
    if style == "json":
        return json.dumps([_record(table) for table in tables], indent=2, ensure_ascii=False) + "\n"
    return "\n".join(line for table in tables for line in make[style](table)).rstrip() + "\n"


def _joined(cells: Sequence[Cell], marks: Sequence[str], clean: Callable[[str], str]) -> str:
    """Return cells as one text; ``marks`` are forms for the best and the second, ``{}`` the text."""
    forms = dict(enumerate(marks, start=1))
    return " / ".join(forms.get(cell.rank, "{}").format(clean(cell.text)) for cell in cells)


def _lines(table: Pivot, marks: Sequence[str], clean: Callable[[str], str]) -> list[list[str]]:
    return [
        [clean(method), *(_joined([cost], marks, clean) for cost in costs), *(_joined(c, marks, clean) for c in cells)]
        for method, costs, cells in table.rows
    ]


def _headings(table: Pivot, clean: Callable[[str], str]) -> list[str]:
    metrics = " / ".join(table.metrics)
    return [clean(text) for text in ("method", *table.costs, *(f"{name} {metrics}" for name in table.datasets))]


def _markdown(table: Pivot) -> list[str]:
    headings = _headings(table, markdown_text)
    rows = [f"| {' | '.join(row)} |" for row in _lines(table, ("**{}**", "<u>{}</u>"), markdown_text)]
    head = [
        f"**{markdown_text(table.title)}**",
        "",
        f"| {' | '.join(headings)} |",
        f"|---{'|---:' * (len(headings) - 1)}|",
    ]
    return [*head, *rows, ""]


def _latex(table: Pivot) -> list[str]:
    columns = f"l{'r' * len(table.costs)}{'c' * len(table.datasets)}"
    metrics = latex_text(" / ".join(table.metrics))
    blank = [""] * (1 + len(table.costs))
    head = [f"% {table.title}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    head += [" & ".join(map(latex_text, ["method", *table.costs, *table.datasets])) + r" \\"]
    head += [" & ".join([*blank, *([metrics] * len(table.datasets))]) + r" \\", r"\midrule"]
    rows = [" & ".join(row) + r" \\" for row in _lines(table, (r"\textbf{{{}}}", r"\underline{{{}}}"), latex_text)]
    return [*head, *rows, r"\bottomrule", r"\end{tabular}", ""]


def _terminal(table: Pivot) -> list[str]:
    rows = [_headings(table, str), *_lines(table, ("{}*", "{}+"), str)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    ranks = {cell.rank for _, costs, cells in table.rows for cell in (*costs, *(c for row in cells for c in row))}
    legend = ["* best, + second of its column"] if ranks - {0} else []
    return [table.title, *(line.rstrip() for line in lines), *legend, ""]


def _record(table: Pivot) -> Row:
    rows = [
        {"method": method}
        | dict(zip(table.costs, (cost.text for cost in costs), strict=True))
        | {
            name: dict(zip(table.metrics, (cell.text for cell in cell_row), strict=True))
            for name, cell_row in zip(table.datasets, cells, strict=True)
        }
        for method, costs, cells in table.rows
    ]
    return {"title": table.title, "rows": rows}


def _csv(tables: Sequence[Pivot]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for table in tables:
        figures = [f"{name} {metric}" for name in table.datasets for metric in table.metrics]
        writer.writerow(["table", "method", *table.costs, *figures])
        for method, costs, cells in table.rows:
            texts = [
                "" if cell.text == "-" else cell.text
                for cell in (*costs, *(cell for cell_row in cells for cell in cell_row))
            ]
            writer.writerow([spreadsheet_text(text) for text in (table.title, method, *texts)])
    return buffer.getvalue()
