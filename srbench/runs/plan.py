"""The work of a run that its folder does not hold yet: cells to score, their jobs and their rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from srbench.execution.jobs import Cell, Job
from srbench.protocols import get_protocol
from srbench.results.pictures import SavedPictures, picture_row
from srbench.runs.parts import Output, Part
from srbench.scoring.sr_folders import sr_files
from srbench.store.backbones import metric_identity
from srbench.store.hashes import digest
from srbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from srbench.catalog.catalog import Catalog
    from srbench.data.image_sets import ImageSet
    from srbench.results.rows import Row
    from srbench.runs.prepare import Prepared
    from srbench.runs.request import Request
    from srbench.specs import ImagePair, MetricSpec, ModelSpec

CHUNK = 8
"""Images per job: few enough that a chunk's prepared references stay cached for the next method."""
TIMED = ("method", "scale", "plugin", "weights", "device", "precision")
"""What identifies the network of a measurement of speed."""
GPU_CHUNK = 32
"""Images per job on a GPU: more, because each job first waits while its first images are decoded."""


@dataclass(frozen=True)
class Task:
    """A job, the parts that fail with it, and for a measurement of speed the identity of its row."""

    job: Job
    parts: tuple[Part, ...]
    row: Row = field(default_factory=dict)


@dataclass
class Plan:
    """The methods, metrics and images of a run, and which of their results its folder holds."""

    request: Request
    catalog: Catalog
    prepared: Prepared
    devices: Mapping[str, str]
    """The device of each method."""
    status: dict[tuple[str, ...], tuple[str, str, str]] = field(default_factory=dict)
    """Code, weights and status of each part's last job row."""
    identities: dict[str, Row] = field(default_factory=dict)
    """The identity of each cell to score, by key."""
    done: set[str] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)
    """Keys whose last row reports a missing backbone."""
    timed: set[tuple[str, ...]] = field(default_factory=set)
    """What was timed before."""
    sr_paths: dict[tuple[str, str, int], dict[str, Path]] = field(default_factory=dict)
    """SR files by method, dataset and scale, of methods that are folders of them."""

    @property
    def methods(self) -> list[ModelSpec]:
        """The methods of the run, in order."""
        return self.prepared.specs.methods

    @property
    def sets(self) -> list[ImageSet]:
        """The datasets of the run at each scale, in order."""
        return self.prepared.sets

    @property
    def parts(self) -> set[Part]:
        """All methods on all datasets."""
        return {Part(method.name, images.name, images.scale) for method in self.methods for images in self.sets}

    def read(self, rows: Iterable[Row]) -> None:
        """Read the rows that earlier commands wrote to the same folder."""
        for row in rows:
            if row["kind"] == "speed" and row.get("timed", True):
                self.timed.add(tuple(str(row[name]) for name in TIMED))
            if row["kind"] == "job":
                self.note_status(row)
            elif row["kind"] == "picture":
                self.pictures.add([row])
            elif row["kind"] not in ("score", "speed"):
                continue
            elif row.get("missing"):
                self.noted.add(row.get("key", ""))
            elif not row.get("shared"):  # shared timings cannot be compared: measure again
                self.done.add(row.get("key", ""))
        if self.request.force:
            self.done.clear()

    def note_status(self, row: Row) -> None:
        """Remember a job row as the last of its part."""
        self.status[_group(row)] = row["plugin"], row["weights"], row["status"]

    def has_status(self, row: Row) -> bool:
        """Return whether the last job row of a part has the same status."""
        return self.status.get(_group(row)) == (row["plugin"], row["weights"], row["status"])

    def unsupported(self, method: ModelSpec, scale: int) -> str:
        """Return why a method does not support the request; empty if it does."""
        if reason := method.lacks_scale(scale):
            return reason
        if method.outputs:
            return ""
        if self.request.precision not in method.precisions:
            return f"does not do {self.request.precision}"
        if isinstance(self.request.tile, int) and method.indivisible:
            return f"cannot be cut into tiles: {method.indivisible}"
        return ""

    def sr_files(self, images: ImageSet, method: ModelSpec) -> dict[str, Path]:
        """Return the SR files of a method that is a folder of them, by image; none of another method.

        Raises:
            MethodError: an image has no SR file, or names can be paired in several ways.
        """
        key = method.name, images.name, images.scale
        if method.outputs and method.file and key not in self.sr_paths:
            self.sr_paths[key] = sr_files(method.file, images.name, images.scale, images.pairs)
        return self.sr_paths.get(key, {})

    def pending(self, images: ImageSet, method: ModelSpec) -> tuple[dict[str, list[Cell]], list[Row]]:
        """Return the cells still to score, by image, and rows for values that cannot be computed."""
        pending: dict[str, list[Cell]] = {}
        notes: list[Row] = []
        only, precision = self.request.only, self.request.recorded_precision
        for pair in images.pairs:
            output = Output(method.name, images.name, images.scale, pair.name, precision)
            if only is not None and output not in only:
                continue
            cells = []
            for metric in self.prepared.specs.metrics:
                for protocol in self.request.protocols if metric.uses_protocol else ("",):
                    row = self._identity(images, method, pair, metric, protocol)
                    key = row["key"]
                    if key in self.done:
                        continue
                    if reason := self.prepared.missing.get(metric.name):
                        if key not in self.noted:
                            notes.append({**row, "value": None, "reason": reason, "missing": True})
                            self.noted.add(key)
                        continue
                    self.identities[key] = row
                    cells.append(Cell(key, metric.name, protocol))
            if cells or (self.request.save_images and not self._has_picture(images, method, pair.name)):
                pending[pair.name] = cells
        return pending, notes

    def score_tasks(self, todo: Mapping[Part, dict[str, list[Cell]]]) -> Iterator[Task]:
        """Split the work into jobs, image-major: every method gets a chunk while its references are cached."""
        chunk_size = GPU_CHUNK if all(device.startswith("cuda") for device in self.devices.values()) else CHUNK
        for images in self.sets:
            for start in range(0, len(images.pairs), chunk_size):
                names = [pair.name for pair in images.pairs[start : start + chunk_size]]
                for method in self.methods:
                    part = Part(method.name, images.name, images.scale)
                    pending = todo.get(part, {})
                    if chunk := {name: pending[name] for name in names if name in pending}:
                        yield Task(self._score_job(images, method, chunk), (part,))

    def speed_tasks(self) -> list[Task]:
        """Return the measurements of speed still to do; without speed, of parameters and multiply-accumulates."""
        settings = self.request.speed_settings
        tasks = []
        for method in self.methods:
            for scale in dict.fromkeys(images.scale for images in self.sets):
                if method.outputs or self.unsupported(method, scale):
                    continue
                row = {"kind": "speed", **self.identity(method, scale), **settings, "srbench": __version__}
                row["key"] = digest(row)
                if row["key"] not in self.done and not (self._is_timed(row) and not self.request.speed):
                    file = self._weights_file(method, scale)
                    expected = self._expected(method, scale)
                    job = Job(
                        method.name,
                        scale,
                        speed=settings,
                        weights=file,
                        reference=method.reference,
                        plugin=self._plugin(method),
                        expected=expected,
                    )
                    parts = (Part(method.name, images.name, scale) for images in self.sets if images.scale == scale)
                    tasks.append(Task(job, tuple(parts), row))
        return tasks

    def _is_timed(self, row: Row) -> bool:
        """Return whether the method was timed before, by which its costs are known."""
        return tuple(str(row[name]) for name in TIMED) in self.timed

    def identity(self, method: ModelSpec, scale: int) -> Row:
        """Return the fields that identify a method's results: name, scale, code, weights, device, precision."""
        return {
            "method": method.name,
            "scale": scale,
            "plugin": self.catalog.models.owner(method.name).fingerprint,
            "weights": self._digests.get((method.name, scale), ""),
            "device": self.devices[method.name],
            "precision": self.request.recorded_precision,
        }

    def images(self, part: Part) -> ImageSet:
        """Return the images of a part."""
        return self._sets[part.dataset, part.scale]

    def picture(self, part: Part, image: str) -> Row:
        """Return the row of a saved picture."""
        return self._picture(self.images(part), self.catalog.models[part.method], image)

    def job_row(self, part: Part, status: str) -> Row:
        """Return a job row for a part with this status."""
        identity = self.identity(self.catalog.models[part.method], part.scale)
        return {"kind": "job", **identity, "dataset": part.dataset, "status": status}

    def remark_row(self, part: Part, topic: str) -> Row:
        """Return the row of a remark on a part, without its text."""
        identity = self.identity(self.catalog.models[part.method], part.scale)
        return {"kind": "remark", **identity, "dataset": part.dataset, "topic": topic}

    def _picture(self, images: ImageSet, method: ModelSpec, image: str) -> Row:
        identity = {**self.identity(method, images.scale), "dataset": images.name, "image": image}
        return picture_row({**identity, "image_sha256": images.hashes[image]})

    def _has_picture(self, images: ImageSet, method: ModelSpec, image: str) -> bool:
        return self.pictures.holds(self._picture(images, method, image))

    @cached_property
    def pictures(self) -> SavedPictures:
        """The saved pictures by the rows that were read."""
        return SavedPictures(self.request.out)

    @cached_property
    def _sets(self) -> dict[tuple[str, int], ImageSet]:
        return {(images.name, images.scale): images for images in self.sets}

    @cached_property
    def _digests(self) -> dict[tuple[str, int], str]:
        return {key: weights.digest for key, weights in self.prepared.weights.items()}

    @cached_property
    def _metrics(self) -> dict[str, str]:
        """The identity of each metric, with the features that it uses."""
        return {metric.name: metric_identity(metric) for metric in self.prepared.specs.metrics}

    def _identity(self, images: ImageSet, method: ModelSpec, pair: ImagePair, metric: MetricSpec, protocol: str) -> Row:
        identity = {
            **self.identity(method, images.scale),
            "dataset": images.name,
            "image": pair.name,
            "image_sha256": images.hashes[pair.name],
            "degradation": images.made_by(pair),
            "protocol": get_protocol(protocol).identity if protocol else "",
            "metric": self._metrics[metric.name],
            "srbench": __version__,
        }
        return {"kind": "score", "key": digest(identity), **identity}

    def _score_job(self, images: ImageSet, method: ModelSpec, chunk: dict[str, list[Cell]]) -> Job:
        run_dir = self.request.out.absolute()
        saved = chunk if self.request.save_images else ()
        expected = self._expected(method, images.scale, {name: images.hashes[name] for name in chunk})
        if saved:
            expected["folder"] = str(run_dir)
        return Job(
            method=method.name,
            scale=images.scale,
            dataset=images.reference,
            images=chunk,
            save_to={name: str(run_dir / self._picture(images, method, name)["sr"]) for name in saved},
            weights=self._weights_file(method, images.scale),
            outputs={name: str(file) for name, file in self.sr_files(images, method).items() if name in chunk},
            degradation=images.degradation.name,
            reference=method.reference,
            plugin=self._plugin(method),
            expected=expected,
        )

    def _plugin(self, method: ModelSpec) -> str:
        return self.catalog.models.owner(method.name).key

    def _expected(self, method: ModelSpec, scale: int, images: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the hashes that must be found where and when a job runs."""
        identity = self.identity(method, scale)
        return {k: identity[k] for k in ("plugin", "weights")} | {f"image {k}": v for k, v in (images or {}).items()}

    def _weights_file(self, method: ModelSpec, scale: int) -> str:
        weights = self.prepared.weights.get((method.name, scale))
        return str(weights.path) if weights else ""


def _group(row: Row) -> tuple[str, ...]:
    return tuple(str(row[k]) for k in ("method", "dataset", "scale", "device", "precision"))
