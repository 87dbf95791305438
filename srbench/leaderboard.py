"""Rows of one or more runs -> one table: means, intervals, significance, cost -> terminal, CSV, Markdown, LaTeX, JSON.

A ranking never mixes datasets, scales, protocols, devices or precisions: each combination is a section of its own.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from srbench.errors import UsageError
from srbench.results import decode_value, read_rows, write_text
from srbench.runner import read_run_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from srbench.results import Row

HEAD = ["method", "dataset", "scale", "protocol", "status"]
QUALITY = ["psnr", "ssim", "lpips"]
COST = ["params", "macs", "latency_ms", "images_per_s", "mpix_per_s", "peak_mem_mib"]
TAIL = ["device", "precision", "weights", "latency_p10_ms", "latency_p90_ms", "speed_size", "speed_batch"]
END = ["images", "protocol_version", "dataset_hash", "reason"]
SECTION = ["dataset", "dataset_hash", "scale", "protocol", "protocol_version", "device", "precision"]
LOWER_COST = {"params", "macs", "latency_ms", "peak_mem_mib", "latency_p10_ms", "latency_p90_ms"}
UNITS = {"psnr": "PSNR dB", "images_per_s": "img/s", "mpix_per_s": "MPix/s", "latency_ms": "ms", "peak_mem_mib": "MiB"}

RESAMPLES = 2000
FEWEST_FOR_TEST = 8
LEVEL = 0.05


@dataclass
class Entry:
    """One method on one dataset at one scale under one protocol on one device."""

    who: Row
    status: str
    reason: str
    expected: int
    values: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    """Metric -> image -> value (NaN where undefined)."""
    speed: Row = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def mean(self, metric: str) -> float:
        """Return the mean over images; NaN when an image was never scored."""
        values = self.values.get(metric, {})
        defined = [value for value in values.values() if not math.isnan(value)]
        return float(np.mean(defined)) if defined and len(values) == self.expected else math.nan

    def interval(self, metric: str) -> tuple[float, float]:
        """Return the 95 % bootstrap interval of the mean over images; NaN below 2 finite values."""
        values = np.array([value for value in self.values.get(metric, {}).values() if not math.isnan(value)])
        if math.isnan(self.mean(metric)) or len(values) < 2 or not np.isfinite(values).all():
            return math.nan, math.nan
        generator = np.random.default_rng(0)
        means = values[generator.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        return float(low), float(high)


@dataclass(frozen=True)
class Board:
    """The table, sorted, and what is needed to show it."""

    frame: pd.DataFrame
    metrics: dict[str, Row]
    sort: str
    notes: list[str]

    def sections(self) -> Iterable[pd.DataFrame]:
        """Yield one frame per ranking, in the order of the board."""
        for _, section in self.frame.groupby(SECTION, sort=False, dropna=False):
            yield section

    def lower_is_better(self, column: str) -> bool:
        """Say in which direction a column is better."""
        if column in self.metrics:
            return bool(self.metrics[column]["better"] == "lower")
        return column in LOWER_COST


def load_board(folders: Sequence[Path], sort: str = "psnr") -> Board:
    """Read runs and make the board; of a method scored twice with the same code and weights, the later run counts.

    Raises:
        UsageError: there is no column to sort by of this name.
        SRBenchError: a folder holds no run, or it cannot be read.
    """
    entries: dict[tuple[Any, ...], Entry] = {}
    metrics: dict[str, Row] = {}
    for folder in folders:
        run = read_run_json(folder / "run.json")
        metrics |= run["metrics"]
        for entry in _entries(run, list(read_rows(folder / "results.jsonl"))):
            identity = tuple(entry.who[k] for k in (*SECTION, "method", "plugin", "weights"))
            entries.pop(identity, None)
            entries[identity] = entry
    known = [*metrics, *COST, "method"]
    if sort not in {*known, *QUALITY}:
        raise UsageError(f"cannot sort by {sort!r}; there are: {', '.join(dict.fromkeys(known))}")
    extra = [name for name in metrics if name not in QUALITY]
    records = [_record(entry, [*QUALITY, *extra]) for entry in entries.values()]
    intervals = [f"{name}_{side}" for name in [*QUALITY, *extra] for side in ("low", "high")]
    columns = [*HEAD, *QUALITY, *extra, *intervals, "vs_best", *COST, *TAIL, *END]
    frame = pd.DataFrame(records, columns=columns)
    notes = list(dict.fromkeys(note for entry in entries.values() for note in entry.notes))
    board = Board(frame, metrics, sort, notes)
    judged = sort if sort in metrics else "psnr"
    frame["vs_best"] = _verdicts(board, list(entries.values()), judged)
    return Board(_sorted(board), metrics, sort, notes)


def _entries(run: Row, rows: list[Row]) -> Iterable[Entry]:
    """Group rows; of each (method, dataset, scale, device, precision) only the latest code and weights count."""
    keys = ("method", "scale", "device", "precision")
    latest: dict[tuple[Any, ...], tuple[str, str]] = {}
    jobs: dict[tuple[Any, ...], Row] = {}
    scores: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    speeds: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        who = tuple(row[k] for k in keys)
        variant = (row["plugin"], row["weights"])
        if row["kind"] == "speed":
            speeds[(*who, *variant)] = row
            continue
        group = (*who, row["dataset"])
        if latest.setdefault(group, variant) != variant:
            latest[group] = variant
            scores.pop(group, None)
        if row["kind"] == "job":
            jobs[group] = row
        else:
            scores[group].append(row)
    for group, job in jobs.items():
        described = run["datasets"].get(f"{job['dataset']} x{job['scale']}", {"images": {}, "hash": ""})
        speed = speeds.get((*group[:4], *latest[group]), {})
        for name, protocol in run["protocols"].items():
            yield _entry(job, described, (name, protocol), scores[group], speed, run["metrics"])


def _entry(
    job: Row, described: Row, protocol: tuple[str, Row], scores: list[Row], speed: Row, metrics: dict[str, Row]
) -> Entry:
    identity, definition = protocol
    who = {k: job[k] for k in ("method", "dataset", "scale", "device", "precision", "plugin", "weights")}
    who |= {"protocol": definition["name"], "protocol_version": definition["version"]}
    who["dataset_hash"] = described["hash"]
    status, reason = job["status"], job["reason"]
    if status == "started":
        status, reason = "failed", "interrupted; the same command on the same --out goes on"
    entry = Entry(who, status, reason, len(described["images"]), speed=speed)
    names = {metric["identity"]: name for name, metric in metrics.items()}
    undefined: dict[tuple[str, str], int] = defaultdict(int)
    for row in scores:
        fits = row["protocol"] in ("", identity) and described["images"].get(row["image"]) == row["image_sha256"]
        if not fits or row["metric"] not in names:
            continue
        name = names[row["metric"]]
        if row.get("missing"):
            entry.notes.append(f"no {name}: {row['reason']}")
            continue
        entry.values[name][row["image"]] = decode_value(row["value"])
        if row["value"] is None:
            undefined[name, row["reason"]] += 1
    for (name, why), count in undefined.items():
        entry.notes.append(f"{name} on {who['dataset']} x{who['scale']}: {count} of {entry.expected} images left out: {why}")
    for name in entry.values:  # a value that came later makes an earlier "missing" moot
        entry.notes = [note for note in entry.notes if not note.startswith(f"no {name}:")]
    return entry


def _record(entry: Entry, metrics: list[str]) -> Row:
    record: Row = dict(entry.who)
    record |= {"status": entry.status, "reason": entry.reason, "images": entry.expected}
    record["weights"] = entry.who["weights"] or "none"
    for name in metrics:
        record[name] = entry.mean(name)
        record[f"{name}_low"], record[f"{name}_high"] = entry.interval(name)
    record |= {name: entry.speed.get(name) for name in (*COST, "latency_p10_ms", "latency_p90_ms")}
    record |= {"speed_size": entry.speed.get("size"), "speed_batch": entry.speed.get("batch")}
    return record


def _verdicts(board: Board, entries: list[Entry], metric: str) -> list[str]:
    """Say of each entry whether its difference from its section's best is significant.

    Wilcoxon's signed-rank test, paired over images, two-sided, Holm-corrected over the section, level 0.05; nothing is
    claimed below 8 images.
    """
    verdicts = [""] * len(entries)
    sign = -1 if board.lower_is_better(metric) else 1
    sections: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for i, entry in enumerate(entries):
        if entry.status == "ok" and not math.isnan(entry.mean(metric)):
            sections[tuple(entry.who[k] for k in SECTION)].append(i)
    for members in sections.values():
        best = max(members, key=lambda i: sign * entries[i].mean(metric))
        if len(members) < 2:
            continue
        verdicts[best] = "best"
        rivals = [i for i in members if i != best]
        p_values = {i: _p_value(entries[best].values[metric], entries[i].values[metric]) for i in rivals}
        alive = True
        tested = sorted((p, i) for i, p in p_values.items() if p is not None)
        for rank, (p, i) in enumerate(tested):
            alive = alive and p * (len(tested) - rank) <= LEVEL
            verdicts[i] = "worse" if alive else "tie"
    return verdicts


def _p_value(best: dict[str, float], rival: dict[str, float]) -> float | None:
    images = [name for name in best if name in rival]
    differences = np.array([best[name] - rival[name] for name in images])
    differences = differences[np.isfinite(differences)]
    if len(differences) < FEWEST_FOR_TEST:
        return None
    if not differences.any():
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences).pvalue)


def _sorted(board: Board) -> pd.DataFrame:
    """Sort within sections by the chosen column, best first; failed and unsupported rows stand last."""
    frame = board.frame
    order = {"ok": 0, "failed": 1, "unsupported": 2}
    section = frame.groupby(SECTION, sort=False, dropna=False).ngroup()
    values = frame[board.sort]
    if board.sort != "method":
        values = pd.to_numeric(values, errors="coerce")
        values = values if board.lower_is_better(board.sort) else -values
    keys = pd.DataFrame({"section": section, "status": frame["status"].map(order), "value": values})
    return frame.loc[keys.sort_values(["section", "status", "value"], kind="stable").index].reset_index(drop=True)


# --- showing it ---


def _shown(board: Board) -> list[str]:
    """Return the columns worth showing: metrics that have a value somewhere, and cost where it was measured."""
    quality = [name for name in dict.fromkeys([*QUALITY, *board.metrics]) if board.frame[name].notna().any()]
    cost = [name for name in COST if board.frame[name].notna().any()]
    shown = [quality[0], "interval", "vs_best", *quality[1:]] if quality else []
    shown = [name for name in shown if name != "vs_best" or board.frame["vs_best"].astype(bool).any()]
    return ["method", *shown, *cost]


def _heading(column: str) -> str:
    return {"method": "method", "interval": "95 % CI", "vs_best": "vs best", **UNITS, "params": "params", "macs": "MACs"}.get(
        column, column.upper()
    )


def _si(value: float) -> str:
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def _text(board: Board, row: Row, column: str, first: str) -> str:
    """Return one cell as it is shown."""
    if column == "method":
        return str(row["method"])
    if column == "interval":
        low, high = row[f"{first}_low"], row[f"{first}_high"]
        decimals = int(board.metrics.get(first, {}).get("decimals", 4))
        return "" if math.isnan(low) else f"{low:.{decimals}f} to {high:.{decimals}f}"
    value = row[column]
    if column == "vs_best":
        return str(value)
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
    headings: list[str]
    rows: list[list[str]]
    best: list[list[bool]]
    remarks: list[str]


def sections(board: Board) -> list[Section]:
    """Return the rankings as texts."""
    columns = _shown(board)
    first = columns[1] if len(columns) > 1 else ""
    result = []
    for frame in board.sections():
        rows = [dict(row) for row in frame.to_dict("records")]
        ok = [row for row in rows if row["status"] == "ok"]
        marks = {name: _best(board, ok, name) for name in columns if name not in ("method", "interval", "vs_best")}
        texts, best, remarks = [], [], []
        for row in rows:
            if row["status"] == "ok":
                texts.append([_text(board, row, name, first) for name in columns])
                best.append([name in marks and row[name] == marks[name] for name in columns])
            else:
                texts.append([str(row["method"]), str(row["status"])] + [""] * (len(columns) - 2))
                best.append([False] * len(columns))
                remarks.append(f"{row['method']} {row['status']}: {row['reason']}")
        top = rows[0]
        title = f"{top['dataset']} x{top['scale']} | protocol {top['protocol']} | {top['device']} | {top['precision']}"
        sized = next((row for row in rows if row["speed_size"] and not math.isnan(row["speed_size"])), None)
        if sized:
            size = int(sized["speed_size"])
            title += f" | speed at LR {size}x{size}, batch {int(sized['speed_batch'])}"
        headings = [_heading(name) for name in columns]
        result.append(Section(f"{title} | {int(top['images'])} images", headings, texts, best, remarks))
    return result


def _best(board: Board, rows: list[Row], column: str) -> float | None:
    values = [row[column] for row in rows if row[column] is not None and not math.isnan(row[column])]
    if len(values) < 2 or min(values) == max(values):
        return None
    return float(min(values) if board.lower_is_better(column) else max(values))


def render(board: Board, *, plain: bool, width: int) -> list[RenderableType]:
    """Return the board for rich: tables with the best of each column marked, remarks below.

    A table wider than the terminal is shown as two: quality, then cost.
    """
    from rich.text import Text

    parts: list[RenderableType] = []
    for section in sections(board):
        parts.append(Text(section.title, style="" if plain else "bold"))
        split = next((i for i, h in enumerate(section.headings) if h == _heading(COST[0])), len(section.headings))
        everything = list(range(len(section.headings)))
        halves = [everything[:split], [0, *everything[split:]]]
        tables = [everything] if _width(section, everything) <= width else [half for half in halves if len(half) > 1]
        parts += [_table(section, columns, plain=plain) for columns in tables]
        parts += [Text(f"  {remark}", style="" if plain else "yellow") for remark in section.remarks]
        parts.append(Text(""))
    parts += [Text(note) for note in [*board.notes, *_legend(board)]]
    return parts


def _width(section: Section, columns: list[int]) -> int:
    rows = [section.headings, *section.rows]
    return sum(max(len(row[i]) for row in rows) + 3 for i in columns)


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
        metric = board.sort if board.sort in board.metrics else "psnr"
        legend.append(
            f"vs best: difference in {metric.upper()} from the best, paired over images (Wilcoxon, Holm, 5 %): worse = "
            f"significant, tie = not; not claimed below {FEWEST_FOR_TEST} images."
        )
    return legend


def to_csv(board: Board) -> str:
    """Return the whole board, full precision, one line per row; undefined values are empty, infinite ones ``inf``."""
    return board.frame.to_csv(index=False, lineterminator="\n")


def to_json(board: Board) -> str:
    """Return the board as a JSON list; undefined values are null, infinite ones ``"inf"``."""

    def plain(value: Any) -> Any:
        if isinstance(value, float) and math.isinf(value):
            return str(value)
        return None if pd.isna(value) else value

    records = [{str(k): plain(v) for k, v in row.items()} for row in board.frame.to_dict("records")]
    return json.dumps(records, indent=2, ensure_ascii=False, default=lambda number: number.item()) + "\n"


def to_markdown(board: Board) -> str:
    """Return GitHub Markdown, the best of each column in bold."""

    def clean(text: str) -> str:
        return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")

    lines = []
    for section in sections(board):
        lines += [f"**{clean(section.title)}**", ""]
        lines.append("| " + " | ".join(section.headings) + " |")
        lines.append("|---" + "|---:" * (len(section.headings) - 1) + "|")
        for row, best in zip(section.rows, section.best, strict=True):
            cells = (f"**{clean(t)}**" if b else clean(t) for t, b in zip(row, best, strict=True))
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
        lines += [f"- {clean(remark)}" for remark in section.remarks]
        lines += [""] if section.remarks else []
    lines += [f"{clean(note)}  " for note in [*board.notes, *_legend(board)[1:]]]
    return "\n".join(lines).rstrip() + "\n"


def to_latex(board: Board) -> str:
    """Return booktabs tables, the best of each column in bold."""
    special = {c: f"\\{c}" for c in "&%$#_{}"} | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }

    def clean(text: str) -> str:
        return "".join(special.get(c, c) for c in text)

    lines = []
    for section in sections(board):
        lines += [f"% {section.title}", rf"\begin{{tabular}}{{l{'r' * (len(section.headings) - 1)}}}", r"\toprule"]
        lines += [" & ".join(map(clean, section.headings)) + r" \\", r"\midrule"]
        for row, best in zip(section.rows, section.best, strict=True):
            cells = (rf"\textbf{{{clean(t)}}}" if b else clean(t) for t, b in zip(row, best, strict=True))
            lines.append(" & ".join(cells) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}", ""]
    return "\n".join(lines)


def save(board: Board, folder: Path) -> None:
    """Write ``leaderboard.csv`` and ``leaderboard.md`` into a run's folder.

    Raises:
        SRBenchError: they cannot be written.
    """
    write_text(folder / "leaderboard.csv", to_csv(board))
    write_text(folder / "leaderboard.md", to_markdown(board))
