"""A board as CSV, JSON, Markdown and LaTeX."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from srbench.errors import unbroken
from srbench.results.board import HEAD
from srbench.results.sections import Section, sections
from srbench.results.statistics import FEWEST_FOR_TEST

if TYPE_CHECKING:
    from srbench.results.board import Board


def legend(board: Board) -> list[str]:
    """Return the lines that explain the marks of a board on a terminal; none for marks that are not shown."""
    has_best = any(any(map(any, section.best)) for section in sections(board))
    return ["* best of its column."] * has_best + _verdict_legend(board)


def _verdict_legend(board: Board) -> list[str]:
    lines = []
    if board.frame["vs_best"].astype(bool).any():
        lines.append(
            f"vs best: difference in {board.judged.upper()} from the best, paired over images (Wilcoxon, Holm, 5 %): "
            f"worse = significant, tie = not significant, empty = fewer than {FEWEST_FOR_TEST} images, not tested."
        )
    return lines


def to_csv(board: Board) -> str:
    """Return the whole board, full precision, one line per row; undefined values are empty, infinite ones ``inf``."""
    return frame_to_csv(_chosen(board))


def _chosen(board: Board) -> pd.DataFrame:
    """Return the frame; with columns chosen, these behind what says which row it is."""
    if not board.shown:
        return board.frame
    ends = [f"{board.judged}_low", f"{board.judged}_high"]
    names = [name for column in board.shown for name in (ends if column == "interval" else [column])]
    return board.frame[list(dict.fromkeys([*HEAD, *names]))]


def frame_to_csv(frame: pd.DataFrame, *, header: bool = True) -> str:
    """Return rows of a board as CSV, in which no text is a spreadsheet formula."""
    return frame.map(spreadsheet_text).to_csv(index=False, header=header, lineterminator="\n")


def spreadsheet_text(value: Any) -> Any:
    """Return a value that no spreadsheet reads as a formula; numbers are unchanged."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def to_json(board: Board) -> str:
    """Return the board as a JSON list; undefined values are null, infinite ones ``"inf"``."""

    def plain(value: Any) -> Any:
        if isinstance(value, float) and math.isinf(value):
            return str(value)
        return None if pd.isna(value) else value

    records = [{str(k): plain(v) for k, v in row.items()} for row in _chosen(board).to_dict("records")]
    return json.dumps(records, indent=2, ensure_ascii=False, default=lambda number: number.item()) + "\n"


@dataclass(frozen=True)
class Lines:
    """A ranking as text: the lines before its rows, one line per row, the lines after them."""

    head: list[str]
    rows: list[str]
    tail: list[str]

    @property
    def all(self) -> list[str]:
        """All lines, in order."""
        return [*self.head, *self.rows, *self.tail]


def to_markdown(board: Board) -> str:
    """Return GitHub Markdown, the best of each column in bold."""
    lines = [line for section in sections(board) for line in markdown_lines(section).all]
    return "\n".join([*lines, *markdown_notes(board)]).rstrip() + "\n"


def markdown_notes(board: Board) -> list[str]:
    """Return the Markdown lines below the rankings."""
    return [f"{markdown_text(note)}  " for note in [*board.notes, *_verdict_legend(board)]]


def markdown_lines(section: Section) -> Lines:
    """Return a ranking as GitHub Markdown."""
    head = [f"**{markdown_text(section.title)}**", "", "| " + " | ".join(section.headings) + " |"]
    head.append("|---" + "|---:" * (len(section.headings) - 1) + "|")
    rows = []
    for row, best in zip(section.rows, section.best, strict=True):
        cells = (f"**{markdown_text(t)}**" if b else markdown_text(t) for t, b in zip(row, best, strict=True))
        rows.append("| " + " | ".join(cells) + " |")
    remarks = [f"- {markdown_text(remark.text)}" for remark in section.remarks]
    return Lines(head, rows, ["", *remarks, *([""] if remarks else [])])


def markdown_text(text: str) -> str:
    """Return a text as GitHub Markdown, in which nothing of it is a mark."""
    return re.sub(r"([\\|`*\[\]])", r"\\\1", unbroken(text)).replace("<", "&lt;")


def to_latex(board: Board) -> str:
    """Return booktabs tables, the best of each column in bold."""
    return "\n".join(line for section in sections(board) for line in latex_lines(section).all)


def latex_lines(section: Section) -> Lines:
    """Return a ranking as a booktabs table."""
    head = [f"% {section.title}", rf"\begin{{tabular}}{{l{'r' * (len(section.headings) - 1)}}}", r"\toprule"]
    head += [" & ".join(map(latex_text, section.headings)) + r" \\", r"\midrule"]
    rows = []
    for row, best in zip(section.rows, section.best, strict=True):
        cells = (rf"\textbf{{{latex_text(t)}}}" if b else latex_text(t) for t, b in zip(row, best, strict=True))
        rows.append(" & ".join(cells) + r" \\")
    return Lines(head, rows, [r"\bottomrule", r"\end{tabular}", ""])


LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def latex_text(text: str) -> str:
    """Return a text as LaTeX, in which nothing of it is a command."""
    return "".join(LATEX.get(c, c) for c in text)
