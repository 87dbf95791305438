"""Compare a board with published figures of the same methods."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from srbench import defaults
from srbench.errors import counted
from srbench.results.sections import Remark, Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from srbench.catalog.catalog import Catalog
    from srbench.results.board import Board
    from srbench.results.rows import Row
    from srbench.specs import MetricSpec, Published

COLUMNS = ["method", "dataset", "scale", "metric", "published", "protocol"]
COLUMNS += ["ours", "our_protocol", "verdict", "difference", "trained", "source", "device", "precision"]


@dataclass(frozen=True)
class Comparison:
    """A published figure and the board's value."""

    printed: Published
    row: Row
    """The row of the board's frame."""
    ours: float
    """The board's value; NaN if it was not scored."""
    metric: MetricSpec
    trained: str
    """Steps and images of the training that made the weights; empty if unknown or without training."""

    @property
    def difference(self) -> float:
        """The board's value minus the published figure."""
        return self.ours - self.printed.value

    @property
    def verdict(self) -> str:
        """``within`` the tolerance, or by how much above or below and whether that is better or worse."""
        if math.isnan(self.ours):
            return "not scored"
        if abs(self.difference) <= self.metric.allowed(self.printed.value):
            return "within"
        above = self.difference > 0
        judged = "better" if above == (self.metric.better == "higher") else "worse"
        return f"{'above' if above else 'below'} by {abs(self.difference):.{self.metric.decimals}f} ({judged})"

    def record(self) -> Row:
        """Return the comparison as a table row, by `COLUMNS`."""
        printed, row = self.printed, self.row
        head = row["method"], printed.dataset, printed.scale, printed.metric, printed.value, printed.protocol
        figures = self.ours, row["protocol"], self.verdict, self.difference
        end = self.trained, printed.source, row["device"], row["precision"]
        return dict(zip(COLUMNS, (*head, *figures, *end), strict=True))


def compare(board: Board, catalog: Catalog, cards: Mapping[str, Mapping[str, Any]]) -> list[Comparison]:
    """Compare a board's rows with the published figures in their methods' specs.

    A figure is compared with the row of its own protocol. If the board has no such row, it is compared with the row of
    the default protocol. Both protocols are shown.

    Args:
        board: the board of one or more runs.
        catalog: contains the methods' specs; methods not in it are skipped.
        cards: the cards of weights, by digest.
    """
    rows: list[Row] = [{str(k): v for k, v in row.items()} for row in board.frame.to_dict("records")]
    comparisons = []
    for row, entry in zip(rows, board.entries, strict=True):
        method = row["method"]
        if method not in catalog.models or row["status"] != "ok" or entry.selected:
            continue
        for printed in catalog.models[method].published:
            matches = printed.dataset == row["dataset"] and printed.scale == row["scale"]
            if matches and printed.metric in catalog.metrics and row["protocol"] == _protocol(printed, row, rows):
                metric = catalog.metrics[printed.metric]
                ours = row.get(printed.metric)
                value = math.nan if ours is None else float(ours)
                trained = _trained(cards.get(row["weights"], {}))
                comparisons.append(Comparison(printed, row, value, metric, trained))
    return comparisons


def _protocol(printed: Published, row: Row, rows: Iterable[Row]) -> str:
    """Return the protocol of the row to compare a figure with, among the rows of one method on one dataset."""
    same = ("method", "dataset", "scale", "device", "precision")
    scored = [str(other["protocol"]) for other in rows if all(other[k] == row[k] for k in same)]
    return next(name for name in (printed.protocol, defaults.PROTOCOL, scored[0]) if name in scored)


def _trained(card: Mapping[str, Any]) -> str:
    try:
        images = sum(int(entry["images"]) for entry in card["data"])
        return f"{counted(int(card['steps_done']), 'step')} on {counted(images, 'image')}"
    except (KeyError, TypeError, ValueError, OverflowError):  # a card of another tool
        return ""


def to_section(comparisons: list[Comparison]) -> Section:
    """Return comparisons as a section of texts to show."""
    headings = ["method", "dataset", "metric", "published", "protocol", "ours", "protocol", "verdict", "our training"]
    texts = []
    for comparison in comparisons:
        printed, decimals = comparison.printed, comparison.metric.decimals
        ours = "-" if math.isnan(comparison.ours) else f"{comparison.ours:.{decimals}f}"
        head = [str(comparison.row["method"]), f"{printed.dataset} x{printed.scale}", printed.metric]
        figures = [f"{printed.value:.{decimals}f}", printed.protocol, ours, str(comparison.row["protocol"])]
        texts.append([*head, *figures, comparison.verdict, comparison.trained or "-"])
    sources = dict.fromkeys(f"{c.row['method']} {c.printed.metric}: {c.printed.source}" for c in comparisons)
    columns = [str(i) for i in range(len(headings))]
    best = [[False] * len(headings) for _ in texts]
    return Section("published and ours", columns, headings, texts, best, [Remark(source) for source in sources])


def to_csv(comparisons: list[Comparison]) -> str:
    """Return comparisons as CSV in full precision, one line per figure."""
    frame = pd.DataFrame([comparison.record() for comparison in comparisons], columns=COLUMNS)
    return frame.to_csv(index=False, lineterminator="\n")


def to_json(comparisons: list[Comparison]) -> str:
    """Return comparisons as a JSON list; values not scored are null."""
    records = [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in comparison.record().items()}
        for comparison in comparisons
    ]
    return json.dumps(records, indent=2, ensure_ascii=False) + "\n"
