"""The tables of the page: cells and the values they sort by, meanings of columns, plots, texts to copy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from srbench import defaults
from srbench.errors import counted
from srbench.report.plots import Axis, looks, points, scatter
from srbench.report.svg import to_svg
from srbench.results import formats
from srbench.results.sections import Section, heading, sections
from srbench.results.statistics import FEWEST_FOR_TEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from srbench.report.plots import Point
    from srbench.results.board import Board
    from srbench.results.rows import Row

MEANINGS = {
    "method": "Name of the method; Provenance describes each.",
    "status": "Whether the method could be scored.",
    "params": "Parameters of the network. Fewer is better.",
    "macs": "Multiply-accumulates of one forward pass at the size named above the table. Fewer is better.",
    "latency_ms": "Median time of one forward pass in milliseconds, device synchronised. Lower is better.",
    "images_per_s": "Images per second at the size and batch named above the table. Higher is better.",
    "mpix_per_s": "Millions of SR pixels made per second. Higher is better.",
    "peak_mem_mib": "Most memory that one forward pass holds, weights included, in MiB. Lower is better.",
}
FACTS = ("dataset", "scale", "protocol", "device", "precision")
"""What all rows of a ranking share."""
VERDICTS = {"best": 0.0, "tie": 1.0, "": 2.0, "worse": 3.0}
SPEED = Axis("mpix_per_s", "speed, MPix/s", "higher", log=True)


@dataclass(frozen=True)
class TableCell:
    """A cell: its text, the value it sorts by (empty: last), and whether it is the best of its column."""

    text: str
    value: str
    best: bool = False
    whisker: tuple[float, float, float] | None = None
    """Low end, mean and high end of an interval, in percent of the widest of the ranking."""


@dataclass(frozen=True)
class Column:
    """A column: heading, meaning, and the direction of the first sort, ``up`` or ``down``."""

    key: str
    heading: str
    meaning: str
    first: str


@dataclass(frozen=True)
class Line:
    """One method in a ranking; ``number`` is its row in the board and in the texts to copy."""

    number: int
    method: str
    family: str
    status: str
    reason: str
    cells: list[TableCell]


@dataclass(frozen=True)
class Ranking:
    """One table of the page."""

    name: str
    about: str
    facts: dict[str, str]
    columns: list[Column]
    lines: list[Line]
    remarks: list[str]
    plots: list[str]
    sorted_by: str


def rankings(board: Board, methods: Mapping[str, Row], summaries: Mapping[str, str]) -> list[Ranking]:
    """Return the tables of a board.

    Args:
        board: the board.
        methods: descriptions of the methods in ``run.json``, by name.
        summaries: one line on each metric, by name.
    """
    look = looks([str(name) for name in board.frame["method"]])
    result = []
    for i, (section, frame) in enumerate(zip(sections(board), board.sections(), strict=True)):
        rows: list[Row] = [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]
        lines = []
        for k, (row, texts, best) in enumerate(zip(rows, section.rows, section.best, strict=True)):
            name = str(row["method"])
            family = str(methods.get(name, {}).get("family") or methods.get(name, {}).get("plugin") or "other")
            cells = [_cell(board, row, *shown, frame) for shown in zip(section.columns, texts, best, strict=True)]
            lines.append(Line(int(frame.index[k]), name, family, str(row["status"]), str(row["reason"]), cells))
        top = rows[0]
        name, *about = section.title.split(" | ")
        facts = {k: str(top[k]) for k in FACTS}
        columns = [_column(board, *pair, summaries) for pair in zip(section.columns, section.headings, strict=True)]
        remarks = [remark.text for remark in section.remarks if remark.status == "ok"]  # others are in their rows
        drawn = _plots(board, [row for row in rows if row["status"] == "ok"], section, look, f"r{i}")
        result.append(Ranking(name, " · ".join(about), facts, columns, lines, remarks, drawn, board.sort))
    return result


def _cell(board: Board, row: Row, column: str, text: str, best: bool, frame: pd.DataFrame) -> TableCell:
    if column in ("method", "status"):
        return TableCell(text, str(row[column]))
    if row["status"] != "ok" or text == "-":
        return TableCell(text, "")
    if column == "vs_best":
        return TableCell(text, str(VERDICTS[text]))
    if column != "interval":
        return TableCell(text, _number(row[column]), best)
    low, mean, high = (float(row[f"{board.judged}{side}"]) for side in ("_low", "", "_high"))
    least, most = float(frame[f"{board.judged}_low"].min()), float(frame[f"{board.judged}_high"].max())
    span = (most - least) or 1.0
    ends = (100 * (low - least) / span, 100 * (mean - least) / span, 100 * (high - least) / span)
    return TableCell(text, _number(low), whisker=ends if all(map(math.isfinite, ends)) else None)


def _number(value: float) -> str:
    """Return a number in a form that JavaScript can read."""
    return ("Infinity" if value > 0 else "-Infinity") if math.isinf(value) else repr(float(value))


def _column(board: Board, column: str, heading: str, summaries: Mapping[str, str]) -> Column:
    first = "up" if column in ("method", "status", "vs_best") or board.lower_is_better(column) else "down"
    judged = board.judged.upper()
    if column == "interval":
        meaning = f"95 % interval of the mean {judged} over images, by Student's t; sorts by its lower end."
        return Column(column, heading, meaning, "up" if board.lower_is_better(board.judged) else "down")
    if column == "vs_best":
        meaning = (
            f"Is the difference in {judged} from the best of the table significant? Wilcoxon's signed-rank test, "
            f"paired over images, Holm-corrected, 5 %: worse = yes, tie = no, "
            f"empty = fewer than {FEWEST_FOR_TEST} images."
        )
        return Column(column, heading, meaning, first)
    if column in board.metrics:
        better = "Lower" if board.lower_is_better(column) else "Higher"
        summary = summaries.get(column) or heading
        return Column(
            column, heading, f"{summary[:1].upper()}{summary[1:]}. Mean over images. {better} is better.", first
        )
    return Column(column, heading, MEANINGS[column], first)


def _plots(
    board: Board, rows: Sequence[Row], section: Section, look: Mapping[str, tuple[str, str]], name: str
) -> list[str]:
    """Draw the plots that the ranking has values for, without speeds that the table does not show."""
    speed = section.columns.index("mpix_per_s") if "mpix_per_s" in section.columns else None
    timed = [row for row, texts in zip(rows, section.rows, strict=False) if speed and texts[speed] != "-"]
    axes = {
        metric: Axis(metric, heading(board, metric, ", "), str(board.metrics[metric]["better"]))
        for metric in dict.fromkeys((board.judged, *defaults.PLANE))
        if metric in board.metrics
    }
    wanted: list[tuple[Sequence[Row], Axis, Axis]] = [(timed, SPEED, axis) for axis in axes.values()]
    if set(defaults.PLANE) <= set(axes):
        distortion, perception = (axes[metric] for metric in defaults.PLANE)
        wanted.append((rows, distortion, perception))
    drawn = []
    for i, (members, x, y) in enumerate(wanted):
        shown = points(members, x, y)
        if len(shown) > 1:
            figure = scatter(shown, x, y, look, bubbles=x is SPEED)
            drawn.append(to_svg(figure, f"{name}p{i}", _described(shown, x, y), _titles(shown, x, y)))
    return drawn


def _titles(shown: Sequence[Point], x: Axis, y: Axis) -> dict[str, str]:
    return {
        f"point-{i}": f"{p.method}: {x.label} {p.x:.4g}, {y.label} {p.y:.4g}" + (", on the front" if p.front else "")
        for i, p in enumerate(shown)
    }


def _described(shown: Sequence[Point], x: Axis, y: Axis) -> str:
    front = ", ".join(p.method for p in shown if p.front)
    return f"{y.label} against {x.label} of {counted(len(shown), 'method')}; on the Pareto front: {front}"


def copies(board: Board) -> dict[str, Any]:
    """Return the board as CSV, Markdown and LaTeX, row by row, for copying from the page."""
    head, *_ = formats.to_csv(board).split("\n", 1)
    frame = board.frame
    csv = [formats.frame_to_csv(frame.iloc[[i]], header=False) for i in range(len(frame))]
    texts: dict[str, Any] = {"csv": {"head": head + "\n", "rows": csv}}
    for style, make in (("markdown", formats.markdown_lines), ("latex", formats.latex_lines)):
        parts = [make(section) for section in sections(board)]
        texts[style] = {
            "rows": [row for part in parts for row in part.rows],
            "sections": [{"head": part.head, "tail": part.tail} for part in parts],
            "notes": formats.markdown_notes(board) if style == "markdown" else [],
        }
    return texts
