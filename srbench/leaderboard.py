"""Rows of one or more runs -> one table: means, intervals, significance, cost.

A ranking never mixes datasets, scales, protocols, devices or precisions: each combination is a section of its own.
"""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from srbench.degradations import BICUBIC
from srbench.errors import SRBenchError, UsageError
from srbench.results import decode_value, read_rows
from srbench.runfile import read_run_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from srbench.results import Row

HEAD = ["method", "dataset", "scale", "protocol", "status"]
QUALITY = ["psnr", "ssim", "lpips"]
COST = ["params", "macs", "latency_ms", "images_per_s", "mpix_per_s", "peak_mem_mib"]
TAIL = ["device", "precision", "weights", "latency_p10_ms", "latency_p90_ms", "speed_size", "speed_batch"]
END = ["images", "protocol_version", "dataset_hash", "degradation", "reason"]
SECTION = ["dataset", "dataset_hash", "scale", "protocol", "protocol_version", "device", "precision"]
TIMED = {"latency_ms", "images_per_s", "mpix_per_s", "latency_p10_ms", "latency_p90_ms"}
"""What cannot be compared where a device was shared."""
LOWER_COST = {"params", "macs", "latency_ms", "peak_mem_mib", "latency_p10_ms", "latency_p90_ms"}

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
    degradation: str = ""
    """How LR was made, as its results say."""

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
        means = values[_resamples(len(values))].mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        return float(low), float(high)


@lru_cache(maxsize=1)
def _resamples(count: int) -> NDArray[np.int64]:
    """Return which of so many values each resample takes, ``(RESAMPLES, count)``: the same for all methods."""
    return np.random.default_rng(0).integers(count, size=(RESAMPLES, count))


@dataclass(frozen=True)
class Board:
    """The table, sorted, and what is needed to show it."""

    frame: pd.DataFrame
    metrics: dict[str, Row]
    sort: str
    notes: list[str]
    entries: list[Entry]
    """What the rows of the frame were made of, in their order."""

    @property
    def judged(self) -> str:
        """The metric that intervals and verdicts are shown for: the one sorted by, else PSNR, else the first."""
        return next((name for name in (self.sort, "psnr", *self.metrics) if name in self.metrics), "psnr")

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
        run = read_run_file(folder)
        try:
            metrics |= run["metrics"]
            found = list(_entries(run, read_rows(folder / "results.jsonl")))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            what = f"{type(error).__name__}: {error}"
            raise SRBenchError(f"{folder}: run.json or results.jsonl is damaged or not srbench's ({what})") from error
        for entry in found:
            identity = tuple(entry.who[k] for k in (*SECTION, "method", "plugin", "weights"))
            if earlier := entries.pop(identity, None):  # what only the earlier run measured still counts
                entry.values = defaultdict(dict, {**earlier.values, **entry.values})
                entry.speed = _comparable(earlier.speed, entry.speed)
            entries[identity] = entry
    if sort not in {"psnr", "method", *metrics, *COST}:
        raise UsageError(f"cannot sort by {sort!r}; there are: {', '.join([*metrics, *COST, 'method'])}")
    extra = [name for name in metrics if name not in QUALITY]
    for entry in entries.values():
        if why := entry.speed.get("shared"):
            who = f"{entry.who['method']} x{entry.who['scale']}"
            entry.notes.append(f"{who}: timed on a shared device ({why}), which compares with nothing: not shown")
    records = [_record(entry, [*QUALITY, *extra]) for entry in entries.values()]
    intervals = [f"{name}_{side}" for name in [*QUALITY, *extra] for side in ("low", "high")]
    columns = [*HEAD, *QUALITY, *extra, *intervals, "vs_best", *COST, *TAIL, *END]
    frame = pd.DataFrame(records, columns=columns)
    notes = list(dict.fromkeys(note for entry in entries.values() for note in entry.notes))
    sort = sort if sort in {*metrics, *COST, "method"} else next(iter(metrics), "method")  # psnr was never asked for
    if sort in metrics and frame[sort].isna().all():
        sort = next((name for name in metrics if frame[name].notna().any()), sort)
    board = Board(frame, metrics, sort, notes, list(entries.values()))
    frame["vs_best"] = _verdicts(board, board.entries)
    return _sorted(board)


@dataclass
class _Scores:
    """What one method, with the same code and weights, scored on a dataset under one protocol."""

    values: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    """Metric -> image -> value."""
    undefined: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """Metric -> image -> why it has no value."""
    missing: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    """Metric -> the reasons why it could not be computed."""
    degradation: str = ""

    def add(self, metric: str, row: Row) -> None:
        """Take one row; of an image the last one counts."""
        self.degradation = row.get("degradation", "")
        if row.get("missing"):
            self.missing[metric][row["reason"]] = None
            return
        image = sys.intern(row["image"])
        self.values[metric][image] = decode_value(row["value"])
        self.undefined[metric].pop(image, None)
        if row["value"] is None:
            self.undefined[metric][image] = row["reason"]


def _entries(run: Row, rows: Iterable[Row]) -> Iterable[Entry]:
    """Group rows; of each (method, dataset, scale, device, precision) only the latest code and weights count."""
    keys = ("method", "scale", "device", "precision")
    identify, placed = itemgetter(*keys), itemgetter(*keys, "dataset", "plugin", "weights", "protocol", "metric")
    names = {metric["identity"]: name for name, metric in run["metrics"].items()}
    jobs: dict[tuple[Any, ...], Row] = {}
    scores: dict[tuple[Any, ...], _Scores] = defaultdict(_Scores)
    speeds: dict[tuple[Any, ...], Row] = {}
    images: dict[tuple[Any, ...], dict[str, str]] = {}
    for row in rows:  # there may be millions: of a score only its value is kept
        kind = row["kind"]
        if kind == "score" and row["metric"] in names:
            place = placed(row)
            if place not in images:
                images[place] = _described(run, row)["images"]
            if images[place].get(row["image"]) == row["image_sha256"]:
                scores[place[:-1]].add(names[row["metric"]], row)
        elif kind == "speed":
            who = (*identify(row), row["plugin"], row["weights"])
            speeds[who] = _comparable(speeds.get(who, {}), row)
        elif kind == "job":
            jobs[(*identify(row), row["dataset"])] = row
    for group, job in jobs.items():
        variant = (job["plugin"], job["weights"])  # of the last job, though other code may have run in between
        speed = speeds.get((*group[:4], *variant), {})
        for name, protocol in run["protocols"].items():
            parts = [scores[(*group, *variant, of)] for of in ("", name) if (*group, *variant, of) in scores]
            entry = _entry(job, _described(run, job), protocol, parts, speed)
            if remark := run.get("weights", {}).get(job["weights"], {}).get("remark"):
                entry.notes.append(f"{job['method']} x{job['scale']}: {remark} (weights {job['weights']})")
            yield entry


def _comparable(earlier: Row, later: Row) -> Row:
    """Return of two measurements of speed the later, unless only the earlier had its device to itself."""
    return earlier if earlier and (not later or ("shared" in later and "shared" not in earlier)) else later


def _described(run: Row, row: Row) -> Row:
    described: Row = run["datasets"].get(f"{row['dataset']} x{row['scale']}", {"images": {}, "hash": ""})
    return described


def _entry(job: Row, described: Row, protocol: Row, parts: Iterable[_Scores], speed: Row) -> Entry:
    who = {k: job[k] for k in ("method", "dataset", "scale", "device", "precision", "plugin", "weights")}
    who |= {"protocol": protocol["name"], "protocol_version": protocol["version"]}
    who["dataset_hash"] = described["hash"]
    status, reason = job["status"], job["reason"]
    if status == "started":
        status, reason = "failed", "interrupted; the same command on the same --out goes on"
    degradation = described.get("degradation", {})
    entry = Entry(who, status, reason, len(described["images"]), speed=speed)
    if degradation.get("identity", BICUBIC.identity) != BICUBIC.identity:
        entry.notes.append(f"{who['dataset']}: LR by {degradation['identity']}: {degradation['summary']}")
    for part in parts:
        entry.degradation = part.degradation
        for name, values in part.values.items():  # in one order, whatever order they came in: sums depend on it
            entry.values[name] = {image: values[image] for image in described["images"] if image in values}
            for why, count in Counter(part.undefined[name].values()).items():
                where = f"{name} on {who['dataset']} x{who['scale']}"
                entry.notes.append(f"{where}: {count} of {entry.expected} images left out: {why}")
        for name, reasons in part.missing.items():
            if name not in part.values:  # a value that came later makes an earlier "missing" moot
                entry.notes += [f"no {name}: {reason}" for reason in reasons]
    return entry


def _record(entry: Entry, metrics: list[str]) -> Row:
    record: Row = dict(entry.who)
    record["degradation"] = entry.degradation
    record |= {"status": entry.status, "reason": entry.reason, "images": entry.expected}
    record["weights"] = entry.who["weights"] or "none"
    for name in metrics:
        record[name] = entry.mean(name)
        record[f"{name}_low"], record[f"{name}_high"] = entry.interval(name)
    hidden = TIMED if "shared" in entry.speed else ()
    costs = (*COST, "latency_p10_ms", "latency_p90_ms")
    record |= {name: None if name in hidden else entry.speed.get(name) for name in costs}
    record |= {"speed_size": entry.speed.get("size"), "speed_batch": entry.speed.get("batch")}
    return record


def _verdicts(board: Board, entries: list[Entry]) -> list[str]:
    """Say of each entry whether its difference from its section's best is significant.

    Wilcoxon's signed-rank test, paired over images, two-sided, Holm-corrected over the section, level 0.05; nothing is
    claimed below 8 images.
    """
    verdicts = [""] * len(entries)
    metric = board.judged
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


def _sorted(board: Board) -> Board:
    """Sort within sections by the chosen column, best first; failed and unsupported rows stand last."""
    frame = board.frame
    order = {"ok": 0, "failed": 1, "unsupported": 2}
    section = frame.groupby(SECTION, sort=False, dropna=False).ngroup()
    values = frame[board.sort]
    if board.sort != "method":
        values = pd.to_numeric(values, errors="coerce")
        values = values if board.lower_is_better(board.sort) else -values
    keys = pd.DataFrame({"section": section, "status": frame["status"].map(order), "value": values})
    order_of = keys.sort_values(["section", "status", "value"], kind="stable").index
    return replace(
        board, frame=frame.loc[order_of].reset_index(drop=True), entries=[board.entries[i] for i in order_of]
    )
