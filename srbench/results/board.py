"""Entries of one or more runs -> one table.

A ranking never mixes datasets, scales, protocols, devices, precisions or definitions of metrics: each combination is a
section of its own.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from srbench import defaults
from srbench.errors import SRBenchError, UsageError
from srbench.results.columns import HEADINGS, find_column
from srbench.results.definitions import FIELD, namesakes_note, tell_apart, versions_note
from srbench.results.entries import SECTION, Entry, comparable, entries_of
from srbench.results.rows import is_cut_off, read_rows
from srbench.results.run_file import bounds_of, folder_of, read_run_file
from srbench.results.statistics import holm, p_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from srbench.results.rows import Row


HEAD = ["method", "dataset", "scale", "protocol", "status"]
QUALITY = list(defaults.METRICS)
COST = ["params", "macs", "latency_ms", "images_per_s", "mpix_per_s", "peak_mem_mib"]
TAIL = ["device", "precision", "weights", "latency_p10_ms", "latency_p90_ms", "speed_size", "speed_batch"]
END = ["images", "protocol_version", "dataset_hash", "degradation", "reason"]
SORTABLE = ["method", "interval", "vs_best", *COST, *HEAD[1:], *TAIL, *END]
"""Columns beside the metrics that a board can be sorted by."""
TEXTS = {
    "method",
    "dataset",
    "protocol",
    "status",
    "device",
    "precision",
    "weights",
    "dataset_hash",
    "degradation",
    "reason",
    FIELD,
}
"""Columns of texts, which are sorted from a to z."""
TIMED = {"latency_ms", "images_per_s", "mpix_per_s", "latency_p10_ms", "latency_p90_ms"}
"""Columns that cannot be compared if the device was shared."""
MEASURED = {*TIMED, "peak_mem_mib"}
"""Columns that are empty without a measurement of speed."""
LOWER_COST = {"params", "macs", "latency_ms", "peak_mem_mib", "latency_p10_ms", "latency_p90_ms"}


AGAIN = "the same 'srbench run' with its --out makes them"


@dataclass(frozen=True)
class Board:
    """The sorted table, and what is needed to show it."""

    frame: pd.DataFrame
    """One row per method, dataset, scale and protocol; NaN or None where there is no value. Columns:

    - ``method dataset protocol status device precision weights dataset_hash degradation reason`` (str); ``status`` is
      ``ok``, ``failed`` or ``unsupported``; ``weights`` a hash or ``none``
    - ``scale protocol_version images`` (int)
    - each metric, its mean over images, with ``METRIC_low`` and ``METRIC_high``, the 95 % interval (float)
    - ``vs_best`` (str): ``best``, ``worse`` (significant), ``tie``, or empty where nothing was tested
    - ``definitions`` (str): what is ranked apart, where metrics, protocols or degradations of several versions meet;
      else there is no such column
    - ``params``, ``macs`` per batch; ``latency_ms`` per batch, median, with ``latency_p10_ms`` and ``latency_p90_ms``;
      ``images_per_s``; ``mpix_per_s``, output megapixels; ``peak_mem_mib`` (float); ``speed_size``, LR height and width
      in pixels, and ``speed_batch`` (int)
    """
    metrics: dict[str, Row]
    """By name: ``identity``, ``better``, ``unit``, ``decimals``, ``summary``."""
    sort: str
    """The column that ranks."""
    notes: list[str]
    """Remarks below the tables."""
    shown: tuple[str, ...] = field(default=(), kw_only=True)
    """The columns to show, in this order; empty for those that have values."""
    datasets: tuple[str, ...] = field(default=(), kw_only=True)
    """Each dataset with its scale, as ``set5 x4``, in the order of the runs."""
    entries: list[Entry]
    """The entries behind the rows of the frame, in the same order."""

    def has(self, column: str) -> bool:
        """Return whether a row has a value in a column."""
        return column not in self.frame or bool(self.frame[column].notna().any())

    @property
    def judged(self) -> str:
        """The metric of intervals and verdicts: the one that ranks, else PSNR, else the first."""
        return next((name for name in (self.sort, defaults.SORT, *self.metrics) if name in self.metrics), defaults.SORT)

    def sections(self) -> Iterable[pd.DataFrame]:
        """Yield one frame per ranking, in the order of the board."""
        for _, section in self.frame.groupby(_section_of(self.frame), sort=False, dropna=False):
            yield section

    def lower_is_better(self, column: str) -> bool:
        """Return whether smaller values of a column are better."""
        metric = column.removesuffix("_low").removesuffix("_high")
        if metric in self.metrics:
            return bool(self.metrics[metric]["better"] == "lower")
        return column in LOWER_COST


def _section_of(frame: pd.DataFrame) -> list[str]:
    """Return the columns that all rows of a ranking share."""
    return [name for name in (*SECTION, FIELD) if name in frame]


def load_board(
    run_dirs: Sequence[Path], sort: str = "", columns: Sequence[str] = (), *, lenient: bool = False
) -> Board:
    """Read runs and make the board. If several runs scored a method with the same code and weights, the last counts.

    Rows of different definitions of a metric, a protocol or a degradation are ranked apart, with a note.

    Args:
        run_dirs: folders of runs, or their ``run.json``.
        sort: the column to rank by, by its name or heading; empty for PSNR, else the first metric with values.
        columns: the columns to show, by names or headings; empty for those that have values.
        lenient: rank as by default, with a note, where the column to rank by has no value.

    Raises:
        UsageError: there is no run, no column of this name, or no row has a value in it.
        SRBenchError: a run has no results, or it cannot be read.
    """
    all_entries: list[Entry] = []
    entries: dict[tuple[Any, ...], Entry] = {}
    metrics: dict[str, Row] = {}
    datasets: dict[str, None] = {}
    cut_off: list[str] = []
    for run_dir in run_dirs:
        run = read_run_file(run_dir)
        try:
            metrics |= run["metrics"]
            datasets |= dict.fromkeys(run["datasets"])
            of_run = list(entries_of(run, read_rows(folder_of(run_dir) / "results.jsonl", bounds_of(run))))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"run.json or results.jsonl is damaged or not srbench's ({type(error).__name__}: {error})"
            raise SRBenchError(f"{run_dir}: {reason}") from error
        if not of_run:
            if damage := _damage(run, folder_of(run_dir) / "results.jsonl"):
                raise SRBenchError(f"{run_dir}: results.jsonl is damaged: {damage}; restore it, or {AGAIN} again")
            raise SRBenchError(f"{run_dir}: has no results yet; {AGAIN}")
        if run["commands"] and run["commands"][-1].get("seconds") and is_cut_off(folder_of(run_dir) / "results.jsonl"):
            cut_off.append(f"{run_dir}: results.jsonl is damaged: it ends in the middle of a row; {AGAIN} again")
        all_entries += of_run
    apart = tell_apart(all_entries)
    for entry in all_entries:
        identity = tuple(entry.identity.get(k) for k in (*SECTION, FIELD, "method", "plugin", "weights"))
        if earlier := entries.pop(identity, None):  # keep what only the earlier run measured
            entry.values = defaultdict(dict, {**earlier.values, **entry.values})
            entry.speed = comparable(earlier.speed, entry.speed)
            entry.versions |= earlier.versions
        entries[identity] = entry
    extra = [name for name in metrics if name not in QUALITY]
    for entry in entries.values():
        if why := entry.speed.get("shared"):
            label = f"{entry.identity['method']} x{entry.identity['scale']}"
            entry.notes.append(f"{label}: timed on a shared device ({why}), which compares with nothing: not shown")
    records = [_record(entry, [*QUALITY, *extra]) for entry in entries.values()]
    intervals = [f"{name}_{side}" for name in [*QUALITY, *extra] for side in ("low", "high")]
    names = [*HEAD, *QUALITY, *extra, *intervals, "vs_best", *COST, *TAIL, *END, *([FIELD] if apart else [])]
    frame = pd.DataFrame(records, columns=names)
    notes = [*apart, *versions_note(entries.values()), *namesakes_note(entries.values()), *cut_off]
    notes += list(dict.fromkeys(note for entry in entries.values() for note in entry.notes))
    sort, shown = _chosen(frame, metrics, sort, columns, notes if lenient else None)
    board = Board(frame, metrics, sort, notes, list(entries.values()), shown=shown, datasets=tuple(datasets))
    frame["vs_best"] = _verdicts(board, board.entries)
    return _sorted(board)


def _damage(run: Row, results: Path) -> str:
    """Return what is wrong with a file that has no results, or an empty text if the run has none yet."""
    try:
        size = results.stat().st_size
    except OSError:
        return ""
    is_over = any(command.get("seconds") for command in run["commands"])
    if size and not any(True for _ in read_rows(results)):
        return "it is cut off in its first row"
    return "it holds no results of a run that ended" if is_over else ""


def _chosen(
    frame: pd.DataFrame, metrics: dict[str, Row], sort: str, columns: Sequence[str], notes: list[str] | None
) -> tuple[str, tuple[str, ...]]:
    """Return the names of the columns to rank by and to show.

    Args:
        frame: the rows.
        metrics: the metrics of the board, by name.
        sort: as the user wrote it; empty for PSNR, else the first metric with values.
        columns: as the user wrote them.
        notes: gets a note if the column to rank by has no value; None to refuse it.

    Raises:
        UsageError: there is no such column, or no row has a value in it.
    """
    units = {name: str(row.get("unit", "")) for name, row in metrics.items()}
    others = [*SORTABLE, *(name for name in map(str, frame.columns) if name not in metrics)]
    ranking = sorted(metrics, key=lambda name: name != defaults.SORT)
    valued = _valued(frame, ranking)

    def find(text: str, purpose: str) -> str:
        column = find_column(text, units, others, purpose)
        if column not in valued:
            names = ", ".join(name for name in (*ranking, *HEADINGS) if name in valued)
            raise UsageError(f"cannot {purpose} {text!r}: no row has a value; there are: {names}")
        return column

    shown = tuple(dict.fromkeys(find(text, "show") for text in columns))
    default = next((name for name in ranking if name in valued), [*ranking, "method"][0])
    if notes is not None and sort and (column := find_column(sort, units, others, "sort by")) not in valued:
        notes.append(f"no row has a value of {column}: ranked by {default}")
        sort = ""
    return find(sort, "sort by") if sort else default, shown


def _valued(frame: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    """Return the columns in which a row has a value; texts always have one, and intervals and verdicts are of metrics.

    Rows that failed count only if all did: they are not ranked.
    """
    scored = frame[frame["status"] == "ok"]
    has = (scored if len(scored) else frame).notna().any()
    anywhere = any(has[name] for name in metrics)
    return [name for name in map(str, frame.columns) if has[name] or name in TEXTS] + ["interval", "vs_best"] * anywhere


def _record(entry: Entry, metrics: list[str]) -> Row:
    record: Row = dict(entry.identity)
    record["degradation"] = entry.degradation
    record |= {"status": entry.status, "reason": entry.reason, "images": entry.expected}
    record["weights"] = entry.identity["weights"] or "none"
    for name in metrics:
        record[name] = entry.mean(name)
        record[f"{name}_low"], record[f"{name}_high"] = entry.interval(name)
    hidden = TIMED if "shared" in entry.speed else ()
    costs = (*COST, "latency_p10_ms", "latency_p90_ms")
    record |= {name: None if name in hidden else entry.speed.get(name) for name in costs}
    record |= {"speed_size": entry.speed.get("size"), "speed_batch": entry.speed.get("batch")}
    return record


def _verdicts(board: Board, entries: list[Entry]) -> list[str]:
    """Return for each entry whether its difference from the best of its section is significant.

    Wilcoxon's signed-rank test, paired over images, two-sided, Holm-corrected over the section, level 0.05. An
    entry with fewer than 8 images is not tested.
    """
    verdicts = [""] * len(entries)
    metric = board.judged
    sign = -1 if board.lower_is_better(metric) else 1
    sections: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for i, entry in enumerate(entries):
        if entry.status == "ok" and not math.isnan(entry.mean(metric)):
            sections[tuple(entry.identity.get(k) for k in (*SECTION, FIELD))].append(i)
    for members in sections.values():
        best = max(members, key=lambda i: sign * entries[i].mean(metric))
        if len(members) < 2:
            continue
        verdicts[best] = "best"
        rivals = [i for i in members if i != best]
        p_values = {i: p_value(entries[best].values[metric], entries[i].values[metric]) for i in rivals}
        tested = {i: p for i, p in p_values.items() if p is not None}
        significant = holm(tested)
        for i in tested:
            verdicts[i] = "worse" if i in significant else "tie"
    return verdicts


def _sorted(board: Board) -> Board:
    """Sort within sections by the chosen column, best first; failed and unsupported rows come last."""
    frame = board.frame
    order = {"ok": 0, "failed": 1, "unsupported": 2}
    section = frame.groupby(_section_of(frame), sort=False, dropna=False).ngroup()
    column = {"interval": f"{board.judged}_low", "vs_best": board.judged}.get(board.sort, board.sort)
    values = frame[column]
    if column not in TEXTS:
        values = pd.to_numeric(values, errors="coerce")
        values = values if board.lower_is_better(column) else -values
    mean = frame[board.judged] * (1 if board.lower_is_better(board.judged) else -1)
    keys = pd.DataFrame({"section": section, "status": frame["status"].map(order), "value": values, "mean": mean})
    by = ["section", "status", "value", *(["mean"] if board.sort == "interval" else [])]
    order_of = keys.sort_values(by, kind="stable").index
    return replace(
        board, frame=frame.loc[order_of].reset_index(drop=True), entries=[board.entries[i] for i in order_of]
    )
