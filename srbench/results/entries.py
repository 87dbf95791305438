"""Rows of one run -> entries: the values of one method on one dataset under one protocol."""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from srbench.images.degradations import BICUBIC
from srbench.results.rows import decode_value
from srbench.results.statistics import mean_interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from srbench.results.rows import Row


KEYS = ("method", "scale", "device", "precision")
SECTION = ["dataset", "dataset_hash", "scale", "protocol", "protocol_version", "device", "precision"]
"""Fields of an entry's identity that all rows of a ranking share, beside its definitions where they differ."""


@dataclass
class Entry:
    """One method on one dataset at one scale under one protocol on one device."""

    identity: Row
    """What distinguishes entries: method, dataset, scale, protocol, device, precision, code, weights."""
    status: str
    reason: str
    expected: int
    """Number of images of the dataset."""
    values: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    """Metric -> image -> value (NaN where undefined)."""
    speed: Row = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    degradation: str = ""
    """How LR was made, according to its rows."""
    metrics: dict[str, str] = field(default_factory=dict)
    """Identities of the metrics of its run, by name."""
    degradations: set[str] = field(default_factory=set)
    """How the LR of its images were made."""
    versions: set[str] = field(default_factory=set)
    """Versions of srbench that made its rows."""
    selected: str = ""
    """Which images of the dataset were chosen; empty for all."""

    def mean(self, metric: str) -> float:
        """Return the mean over images, without undefined values; NaN if an image was not scored."""
        values = self.values.get(metric, {})
        defined = [value for value in values.values() if not math.isnan(value)]
        return float(np.mean(defined)) if defined and len(values) == self.expected else math.nan

    def interval(self, metric: str) -> tuple[float, float]:
        """Return the 95 % interval of the mean over images, by Student's t; NaN below 2 finite values."""
        if math.isnan(self.mean(metric)):
            return math.nan, math.nan
        values = np.array([value for value in self.values[metric].values() if not math.isnan(value)])
        low, high = mean_interval(values)
        return float(low), float(high)


@dataclass
class _Scores:
    """The scores of one method, with the same code and weights, on one dataset under one protocol."""

    values: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    """Metric -> image -> value."""
    undefined: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """Metric -> image -> reason why it has no value."""
    missing: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    """Metric -> reasons why it could not be computed."""
    degradation: str = ""
    degradations: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)

    def add(self, metric: str, row: Row) -> None:
        """Add one row; the last row of an image counts."""
        self.degradation = row.get("degradation", "")
        self.degradations.add(self.degradation)
        if version := row.get("srbench"):
            self.versions.add(version)
        if row.get("missing"):
            self.missing[metric][row["reason"]] = None
            return
        image = sys.intern(row["image"])
        self.values[metric][image] = decode_value(row["value"])
        self.undefined[metric].pop(image, None)
        if row["value"] is None:
            self.undefined[metric][image] = row["reason"]


@dataclass
class _Rows:
    """The rows of a run by group; of a score only its value is kept, for there may be millions."""

    run: Row
    jobs: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    """By ``KEYS`` and dataset."""
    scores: dict[tuple[Any, ...], _Scores] = field(default_factory=lambda: defaultdict(_Scores))
    """By ``KEYS``, dataset, plugin, weights and protocol."""
    speeds: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    """By ``KEYS``, plugin and weights."""
    remarks: dict[tuple[Any, ...], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """By ``KEYS``, dataset, plugin and weights: texts by topic."""

    def read(self, rows: Iterable[Row]) -> None:
        """Read rows; of each kind and group the last counts."""
        identify, placed = itemgetter(*KEYS), itemgetter(*KEYS, "dataset", "plugin", "weights", "protocol", "metric")
        names = {metric["identity"]: name for name, metric in self.run["metrics"].items()}
        images: dict[tuple[Any, ...], dict[str, str]] = {}
        for row in rows:
            kind = row["kind"]
            if kind == "score" and row["metric"] in names:
                group = placed(row)
                if group not in images:
                    images[group] = _described(self.run, row)["images"]
                if images[group].get(row["image"]) == row["image_sha256"]:
                    self.scores[group[:-1]].add(names[row["metric"]], row)
            elif kind == "speed":
                identity = (*identify(row), row["plugin"], row["weights"])
                self.speeds[identity] = comparable(self.speeds.get(identity, {}), row)
            elif kind == "remark":
                part = (*identify(row), row["dataset"], row["plugin"], row["weights"])
                self.remarks[part][row["topic"]] = row["text"]
            elif kind == "job":
                self.jobs[(*identify(row), row["dataset"])] = row


def entries_of(run: Row, rows: Iterable[Row]) -> Iterable[Entry]:
    """Group rows; of each (method, dataset, scale, device, precision) only the latest code and weights count."""
    groups = _Rows(run)
    groups.read(rows)
    scores = groups.scores
    for group, job in groups.jobs.items():
        variant = (job["plugin"], job["weights"])  # of the last job, though other code may have run in between
        speed = groups.speeds.get((*group[:4], *variant), {})
        for name, protocol in run["protocols"].items():
            parts = [scores[(*group, *variant, of)] for of in ("", name) if (*group, *variant, of) in scores]
            entry = _entry(job, _described(run, job), protocol, parts, speed)
            entry.metrics = {name: metric["identity"] for name, metric in run["metrics"].items()}
            if remark := run.get("weights", {}).get(job["weights"], {}).get("remark"):
                entry.notes.append(f"{job['method']} x{job['scale']}: {remark} (weights {job['weights']})")
            for text in groups.remarks.get((*group, *variant), {}).values():
                entry.notes.append(f"{job['method']} on {job['dataset']} x{job['scale']}: {text}")
            yield entry


def comparable(earlier: Row, later: Row) -> Row:
    """Return the later of two speed measurements, or the earlier if only that was timed or had the device to itself."""
    return earlier if earlier and (not later or _worth(earlier) > _worth(later)) else later


def _worth(speed: Row) -> int:
    """Return 2 for a timing that can be compared, 1 for one on a shared device, 0 for costs that were only counted."""
    if not speed.get("timed", True):
        return 0
    return 1 if "shared" in speed else 2


def _described(run: Row, row: Row) -> Row:
    described: Row = run["datasets"].get(f"{row['dataset']} x{row['scale']}", {"images": {}, "hash": ""})
    return described


def _entry(job: Row, described: Row, protocol: Row, parts: Iterable[_Scores], speed: Row) -> Entry:
    identity = {k: job[k] for k in ("method", "dataset", "scale", "device", "precision", "plugin", "weights")}
    identity |= {"protocol": protocol["name"], "protocol_version": protocol["version"]}
    identity["dataset_hash"] = described["hash"]
    status, reason = job["status"], job["reason"]
    if status == "started":
        status, reason = "failed", "interrupted; the same command on the same --out continues"
    degradation = described.get("degradation", {})
    entry = Entry(identity, status, reason, len(described["images"]), speed=speed)
    entry.versions |= {speed["srbench"]} if speed.get("srbench") else set()
    if degradation.get("identity", BICUBIC.identity) != BICUBIC.identity:
        entry.notes.append(f"{identity['dataset']}: LR by {degradation['identity']}: {degradation['summary']}")
    if selected := described.get("selected", ""):
        entry.selected = selected
        entry.notes.append(f"{identity['dataset']} x{identity['scale']}: {selected}: compare with no published figure")
    for part in parts:
        entry.degradation = part.degradation
        entry.degradations |= part.degradations
        entry.versions |= part.versions
        for name, values in part.values.items():  # in a fixed order, because sums depend on it
            entry.values[name] = {image: values[image] for image in described["images"] if image in values}
            for why, count in Counter(part.undefined[name].values()).items():
                where = f"{name} on {identity['dataset']} x{identity['scale']}"
                entry.notes.append(f"{where}: {count} of {entry.expected} images left out: {why}")
        for name, reasons in part.missing.items():
            if name not in part.values:  # a later value replaces an earlier "missing"
                entry.notes += [f"no {name}: {reason}" for reason in reasons]
    return entry
