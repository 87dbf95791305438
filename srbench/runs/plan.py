"""What a run is asked for, less what its folder holds already: cells to score, their jobs and their rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from srbench.execution.jobs import Cell, Job
from srbench.protocols import get_protocol
from srbench.results.pictures import is_there, last_pictures, picture_row
from srbench.store.hashes import digest
from srbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from srbench.catalog.catalog import Catalog
    from srbench.data.image_sets import ImageSet
    from srbench.results.rows import Row
    from srbench.runs.request import Request
    from srbench.specs import ImagePair, MetricSpec, ModelSpec
    from srbench.store.weights import Weights

CHUNK = 8
"""Images per job: few enough that the references of a chunk stay in the worker's store for the next method."""
GPU_CHUNK = 32
"""Images per job on a GPU: each job waits for its first images to be decoded, as long as several take to score."""


class Part(NamedTuple):
    """What fails or succeeds as one: a method on a dataset at a scale."""

    method: str
    dataset: str
    scale: int

    def __str__(self) -> str:
        return f"{self.method} on {self.dataset} x{self.scale}"


@dataclass(frozen=True)
class Task:
    """A job, the parts that fail with it, and what the row of a measurement of speed begins with."""

    job: Job
    parts: tuple[Part, ...]
    row: Row = field(default_factory=dict)


@dataclass
class Plan:
    """The methods, metrics and images of a run, and what is there of them."""

    request: Request
    catalog: Catalog
    methods: list[ModelSpec]
    metrics: list[MetricSpec]
    sets: list[ImageSet]
    weights: Mapping[tuple[str, int], Weights]
    missing: Mapping[str, str]
    """Why a metric cannot be computed."""
    devices: Mapping[str, str]
    """What each method runs on."""
    status: dict[tuple[str, ...], tuple[str, str, str]] = field(default_factory=dict)
    """Of each part the code, weights and status of its last job row."""
    identities: dict[str, Row] = field(default_factory=dict)
    """Of each cell to score, by its key, what its row begins with."""
    done: set[str] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)
    """Keys whose last row says that the backbone is missing."""
    pictures: dict[str, Row] = field(default_factory=dict)

    def read(self, rows: Iterable[Row]) -> None:
        """Take in what earlier commands on the same folder left."""
        for row in rows:
            if row["kind"] == "job":
                self.note_status(row)
            elif row["kind"] == "picture":
                self.pictures |= last_pictures([row])
            elif row.get("missing"):
                self.noted.add(row["key"])
            elif not row.get("shared"):  # a timing that cannot be compared is worth another try
                self.done.add(row["key"])
        if self.request.force:
            self.done.clear()

    def note_status(self, row: Row) -> None:
        """Remember a job row as the last of its part."""
        self.status[_group(row)] = row["plugin"], row["weights"], row["status"]

    def has_status(self, row: Row) -> bool:
        """Say whether the last job row of a part said the same already."""
        return self.status.get(_group(row)) == (row["plugin"], row["weights"], row["status"])

    def unsupported(self, method: ModelSpec, scale: int) -> str:
        """Say what a method does not do of what is asked; empty where it does."""
        if scale not in method.scales:
            return f"does not do x{scale}"
        if self.request.precision not in method.precisions:
            return f"does not do {self.request.precision}"
        if isinstance(self.request.tile, int) and method.indivisible:
            return f"cannot be cut into tiles: {method.indivisible}"
        return ""

    def pending(self, images: ImageSet, method: ModelSpec) -> tuple[dict[str, list[Cell]], list[Row]]:
        """Return the cells still to score by image, and rows that say which values cannot be had."""
        pending: dict[str, list[Cell]] = {}
        notes: list[Row] = []
        only = self.request.only
        for pair in images.pairs:
            if only is not None and (method.name, images.name, images.scale, pair.name) not in only:
                continue
            cells = []
            for metric in self.metrics:
                for protocol in self.request.protocols if metric.uses_protocol else ("",):
                    row = self._identity(images, method, pair, metric, protocol)
                    key = row["key"]
                    if key in self.done:
                        continue
                    if reason := self.missing.get(metric.name):
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
        """Cut the work into jobs, image-major: every method sees a chunk while its references are warm."""
        many = GPU_CHUNK if all(device.startswith("cuda") for device in self.devices.values()) else CHUNK
        for images in self.sets:
            for start in range(0, len(images.pairs), many):
                names = [pair.name for pair in images.pairs[start : start + many]]
                for method in self.methods:
                    part = Part(method.name, images.name, images.scale)
                    pending = todo.get(part, {})
                    if chunk := {name: pending[name] for name in names if name in pending}:
                        yield Task(self._score_job(images, method, chunk), (part,))

    def speed_tasks(self) -> list[Task]:
        """Return the measurements of speed that are still to be made."""
        settings = self.request.speed
        if settings is None:
            return []
        tasks = []
        for method in self.methods:
            for scale in dict.fromkeys(images.scale for images in self.sets):
                if self.unsupported(method, scale):
                    continue
                row = {"kind": "speed", **self.who(method, scale), **settings, "srbench": __version__}
                row["key"] = digest(row)
                if row["key"] not in self.done:
                    file = self._weights_file(method, scale)
                    expected = self._expected(method, scale)
                    job = Job(
                        method.name, scale, speed=settings, weights=file, reference=method.reference, expected=expected
                    )
                    parts = (Part(method.name, images.name, scale) for images in self.sets if images.scale == scale)
                    tasks.append(Task(job, tuple(parts), row))
        return tasks

    def who(self, method: ModelSpec, scale: int) -> Row:
        """Return what tells one method's numbers from another's."""
        return {
            "method": method.name,
            "scale": scale,
            "plugin": self.catalog.models.owner(method.name).fingerprint,
            "weights": self._digests.get((method.name, scale), ""),
            "device": self.devices[method.name],
            "precision": self.request.precision + (" compiled" if self.request.compiled else ""),
        }

    def images(self, part: Part) -> ImageSet:
        """Return the images of a part."""
        return self._sets[part.dataset, part.scale]

    def picture(self, part: Part, image: str) -> Row:
        """Return the row of a picture that was saved."""
        return self._picture(self.images(part), self.catalog.models[part.method], image)

    def job_row(self, part: Part, status: str) -> Row:
        """Return what the row says of a part that has this status now."""
        who = self.who(self.catalog.models[part.method], part.scale)
        return {"kind": "job", **who, "dataset": part.dataset, "status": status}

    def _picture(self, images: ImageSet, method: ModelSpec, image: str) -> Row:
        who = {**self.who(method, images.scale), "dataset": images.name, "image": image}
        return picture_row({**who, "image_sha256": images.hashes[image]})

    def _has_picture(self, images: ImageSet, method: ModelSpec, image: str) -> bool:
        return is_there(self.request.out, self._picture(images, method, image), self.pictures)

    @cached_property
    def _sets(self) -> dict[tuple[str, int], ImageSet]:
        return {(images.name, images.scale): images for images in self.sets}

    @cached_property
    def _digests(self) -> dict[tuple[str, int], str]:
        return {of: weights.digest for of, weights in self.weights.items()}

    def _identity(self, images: ImageSet, method: ModelSpec, pair: ImagePair, metric: MetricSpec, protocol: str) -> Row:
        identity = {
            **self.who(method, images.scale),
            "dataset": images.name,
            "image": pair.name,
            "image_sha256": images.hashes[pair.name],
            "degradation": images.made_by(pair),
            "protocol": get_protocol(protocol).identity if protocol else "",
            "metric": metric.identity,
            "srbench": __version__,
        }
        return {"kind": "score", "key": digest(identity), **identity}

    def _score_job(self, images: ImageSet, method: ModelSpec, chunk: dict[str, list[Cell]]) -> Job:
        wanted = chunk if self.request.save_images else ()
        files = {name: self._picture(images, method, name)["sr"] for name in wanted}
        kept = {name: str((self.request.out / file).absolute()) for name, file in files.items()}
        asked = images.scale, images.asked, chunk, kept, None, self._weights_file(method, images.scale)
        hashes = {name: images.hashes[name] for name in chunk}
        expected = self._expected(method, images.scale, hashes)
        if expected and kept:
            expected["folder"] = str(self.request.out.absolute())
        return Job(method.name, *asked, images.degradation.name, method.reference, expected)

    def _expected(self, method: ModelSpec, scale: int, images: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what another machine has to have as it is here; of this machine nothing is asked."""
        if self.request.executor == "local":
            return {}
        who = self.who(method, scale)
        return {k: who[k] for k in ("plugin", "weights")} | {f"image {k}": v for k, v in (images or {}).items()}

    def _weights_file(self, method: ModelSpec, scale: int) -> str:
        weights = self.weights.get((method.name, scale))
        return str(weights.path) if weights else ""


def _group(row: Row) -> tuple[str, ...]:
    return tuple(str(row[k]) for k in ("method", "dataset", "scale", "device", "precision"))
