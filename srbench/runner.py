"""Many jobs: what was asked -> what is still missing -> executor -> rows in ``results.jsonl``.

Running the same request on the same folder again scores only what is missing or failed. Only this process writes.
"""

from __future__ import annotations

import queue
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from srbench import __version__
from srbench.assets import digest
from srbench.datasets import ImageSet, prepare
from srbench.degradations import get_degradation
from srbench.errors import SRBenchError
from srbench.executors import InlineExecutor, JobFailedError, WorkerExecutor
from srbench.pictures import is_there, last_pictures, picture_row
from srbench.protocols import get_protocol
from srbench.request import (
    choose_weights,
    missing_backbones,
    named_datasets,
    record_request,
    train_first,
    warn_unsupported,
)
from srbench.results import ResultsFile, encode_value, read_rows
from srbench.runfile import add_seconds, now, write_run_file
from srbench.worker import Cell, Job, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from srbench.catalog import Catalog
    from srbench.executors import Executor
    from srbench.request import Request
    from srbench.results import Row
    from srbench.specs import ImagePair, MetricSpec, ModelSpec
    from srbench.terminal import UI
    from srbench.weights import Weights

CHUNK = 8
"""Images per job: few enough that the references of a chunk stay in the worker's store for the next method."""


class Part(NamedTuple):
    """What fails or succeeds as one: a method on a dataset at a scale."""

    method: str
    dataset: str
    scale: int

    def __str__(self) -> str:
        return f"{self.method} on {self.dataset} x{self.scale}"


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the parts that failed with their reasons, and the seconds spent by kind of work."""

    failed: tuple[str, ...]
    seconds: dict[str, float]


def run(request: Request, catalog: Catalog, ui: UI) -> Outcome:
    """Score and time what was asked and is not yet there.

    Raises:
        UsageError: a name, scale or combination does not exist; nothing was started.
        SRBenchError: the run cannot be done at all (no device, output folder not writable).
        KeyboardInterrupt: stopped by the user; what was done is saved.
    """
    methods = list({catalog.models[name].name: catalog.models[name] for name in request.methods}.values())
    metrics = list({catalog.metrics[name].name: catalog.metrics[name] for name in request.metrics}.values())
    for protocol in request.protocols:
        get_protocol(protocol)
    how = get_degradation(request.degradation)
    specs = named_datasets(request, catalog)
    for _, spec, _ in specs:
        for scale in request.scales:
            spec.check_scale(scale)  # before anything is fetched
            if spec.images is not None:
                spec.pairs(scale)
    warn_unsupported(methods, request.scales, ui)
    try:
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SRBenchError(f"{request.out}: cannot be made ({error.strerror})") from error
    sets = [prepare(asked, spec, name, scale, ui, how) for asked, spec, name in specs for scale in request.scales]
    train_first(request, catalog, methods, ui)
    weights = choose_weights(request, catalog, methods, ui)
    missing = missing_backbones(metrics, ui)
    results = ResultsFile(request.out / "results.jsonl")
    try:
        return _Run(request, catalog, methods, metrics, sets, weights, missing, results, ui).go()
    finally:
        results.close()


@dataclass
class _Run:
    """One run: what is already there, what is left to do, and the loop over jobs."""

    request: Request
    catalog: Catalog
    methods: list[ModelSpec]
    metrics: list[MetricSpec]
    sets: list[ImageSet]
    weights: dict[tuple[str, int], Weights]
    missing: dict[str, str]
    """Why a metric cannot be computed."""
    results: ResultsFile
    ui: UI
    device: str = ""
    done: set[str] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)
    """Keys whose last row says that the backbone is missing."""
    status: dict[tuple[str, ...], tuple[str, str, str]] = field(default_factory=dict)
    """Of each part the code, weights and status of its last job row."""
    identities: dict[str, Row] = field(default_factory=dict)
    pictures: dict[str, Row] = field(default_factory=dict)
    failures: dict[Part, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def go(self) -> Outcome:
        how = self.request
        session = Session(how.device, how.threads, how.plugins, how.precision, how.compiled, how.tile, how.max_memory)
        if self.request.inline:
            executor: Executor = InlineExecutor(session)
        else:
            log = self.request.out / "worker.log"
            executor = WorkerExecutor(session, log, self.request.timeout_s, self.request.max_memory)
        try:
            environment = executor.environment()
            self.device = environment["device"]
            protocols = [get_protocol(name) for name in self.request.protocols]
            recorded = record_request(how, self.catalog, list(dict.fromkeys(images.asked for images in self.sets)))
            asked = self.catalog, self.methods, self.metrics, self.sets, protocols, self.weights
            write_run_file(how.out, how.command, recorded, environment, *asked)
            self._read_existing()
            self._work(executor)
        finally:
            executor.shutdown()
        add_seconds(self.request.out, self.seconds)
        return Outcome(tuple(f"{part}: {reason}" for part, reason in self.failures.items()), dict(self.seconds))

    def _read_existing(self) -> None:
        rows = list(read_rows(self.results.path))
        self.pictures = last_pictures(rows)
        for row in rows:
            if row["kind"] == "job":
                self.status[_group(row)] = row["plugin"], row["weights"], row["status"]
            elif row["kind"] == "picture":
                continue
            elif row.get("missing"):
                self.noted.add(row["key"])
            else:
                self.done.add(row["key"])
        if self.request.force:
            self.done.clear()

    def _work(self, executor: Executor) -> None:
        todo = self._plan()
        jobs = list(self._score_jobs(todo))
        speeds = self._speed_jobs()
        steps = sum(len(job.images) for _, job in jobs) + len(speeds)
        if not steps:
            if not self.failures:
                self.ui.note("nothing to do: everything asked for is already there (--force scores it again)")
            return
        with self.ui.track("scoring", steps) as advance:
            for images, job in jobs:
                self._score(executor, images, job, advance)
            for images in self.sets:
                for method in self.methods:
                    part = Part(method.name, images.name, images.scale)
                    if part in todo and part not in self.failures:
                        self._end(images, method, "ok", "")
            for job, row in speeds:
                self._measure(executor, job, row)
                advance(f"{job.method} x{job.scale} speed")

    def _plan(self) -> dict[Part, dict[str, list[Cell]]]:
        """Return the cells still to score, by part and image; record parts that need no work."""
        todo = {}
        for images in self.sets:
            for method in self.methods:
                if images.scale not in method.scales:
                    self._end(images, method, "unsupported", f"does not do x{images.scale}")
                elif reason := self._refusal(method):
                    self._end(images, method, "unsupported", reason)
                elif images.fault:
                    self._fail(images, method, images.fault)
                elif pending := self._pending(images, method):
                    todo[Part(method.name, images.name, images.scale)] = pending
                    self._job_row(images, method, "started", "")
                else:
                    self._end(images, method, "ok", "")
        return todo

    def _refusal(self, method: ModelSpec) -> str:
        """Say why a method cannot be run as was asked; empty if it can."""
        if self.request.precision not in method.precisions:
            return f"does not do {self.request.precision}"
        if isinstance(self.request.tile, int) and method.indivisible:
            return f"cannot be cut into tiles: {method.indivisible}"
        return ""

    def _pending(self, images: ImageSet, method: ModelSpec) -> dict[str, list[Cell]]:
        """Return the cells still to score by image; notes the values that cannot be had."""
        pending: dict[str, list[Cell]] = {}
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
                            self.results.append({**row, "value": None, "reason": reason, "missing": True})
                            self.noted.add(key)
                        continue
                    self.identities[key] = row
                    cells.append(Cell(key, metric.name, protocol))
            picture = self._picture_row(images, method, pair.name)
            if cells or (self.request.save_images and not is_there(self.request.out, picture, self.pictures)):
                pending[pair.name] = cells
        return pending

    def _picture_row(self, images: ImageSet, method: ModelSpec, image: str) -> Row:
        who = {**self._who(method, images.scale), "dataset": images.name, "image": image}
        return picture_row({**who, "image_sha256": images.hashes[image]})

    def _weights(self, method: ModelSpec, scale: int) -> str:
        weights = self.weights.get((method.name, scale))
        return str(weights.path) if weights else ""

    def _who(self, method: ModelSpec, scale: int) -> Row:
        """What tells one method's numbers from another's."""
        weights = self.weights.get((method.name, scale))
        return {
            "method": method.name,
            "scale": scale,
            "plugin": self.catalog.models.owner(method.name).fingerprint,
            "weights": weights.digest if weights else "",
            "device": self.device,
            "precision": self.request.precision + (" compiled" if self.request.compiled else ""),
        }

    def _identity(self, images: ImageSet, method: ModelSpec, pair: ImagePair, metric: MetricSpec, protocol: str) -> Row:
        identity = {
            **self._who(method, images.scale),
            "dataset": images.name,
            "image": pair.name,
            "image_sha256": images.hashes[pair.name],
            "degradation": images.made_by(pair),
            "protocol": get_protocol(protocol).identity if protocol else "",
            "metric": metric.identity,
            "srbench": __version__,
        }
        return {"kind": "score", "key": digest(identity), **identity}

    def _score_jobs(self, todo: dict[Part, dict[str, list[Cell]]]) -> Iterator[tuple[ImageSet, Job]]:
        """Cut the work into jobs, image-major: every method sees a chunk while its references are warm."""
        for images in self.sets:
            for start in range(0, len(images.pairs), CHUNK):
                names = [pair.name for pair in images.pairs[start : start + CHUNK]]
                for method in self.methods:
                    pending = todo.get(Part(method.name, images.name, images.scale), {})
                    chunk = {name: pending[name] for name in names if name in pending}
                    if chunk:
                        wanted = chunk if self.request.save_images else ()
                        files = {name: self._picture_row(images, method, name)["sr"] for name in wanted}
                        kept = {name: str((self.request.out / file).absolute()) for name, file in files.items()}
                        asked = images.scale, images.asked, chunk, kept, None
                        weights = self._weights(method, images.scale)
                        yield images, Job(method.name, *asked, weights, images.degradation.name, method.reference)

    def _speed_jobs(self) -> list[tuple[Job, Row]]:
        settings = self.request.speed
        if settings is None:
            return []
        jobs = []
        for method in self.methods:
            for scale in dict.fromkeys(images.scale for images in self.sets):
                if scale in method.scales and not self._refusal(method):
                    row = {"kind": "speed", **self._who(method, scale), **settings, "srbench": __version__}
                    row["key"] = digest(row)
                    if row["key"] not in self.done:
                        weights, reference = self._weights(method, scale), method.reference
                        job = Job(method.name, scale, speed=settings, weights=weights, reference=reference)
                        jobs.append((job, row))
        return jobs

    def _score(self, executor: Executor, images: ImageSet, job: Job, advance: Callable[[str], None]) -> None:
        """Run a job and write what it finds; a part that failed before is not tried on."""
        left = len(job.images)
        if Part(job.method, images.name, images.scale) not in self.failures:
            try:
                for event in self._events(executor, job):
                    if "cell" in event:
                        self._cell_row(event)
                    elif "image" in event:
                        left -= 1
                        if event["saved"]:
                            row = self._picture_row(images, self.catalog.models[job.method], event["image"])
                            self.results.append({**row, "time": now()})
                        advance(f"{job.method} {images.name} x{job.scale} {event['image']}")
            except JobFailedError as error:
                self._fail(images, self.catalog.models[job.method], str(error))
        for _ in range(left):
            advance("")

    def _measure(self, executor: Executor, job: Job, row: Row) -> None:
        """Measure a method's speed, unless it failed at this scale already."""
        if any(part.method == job.method and part.scale == job.scale for part in self.failures):
            return
        try:
            for event in self._events(executor, job):
                if "speed" in event:
                    self.results.append({**row, **event["speed"], "time": now()})
        except JobFailedError as error:
            for images in self.sets:
                if images.scale == job.scale:
                    self._fail(images, self.catalog.models[job.method], f"speed: {error}")

    def _cell_row(self, event: Row) -> None:
        row = {**self.identities[event["cell"]], "value": encode_value(event["value"]), "reason": event["reason"]}
        row |= {name: event[name] for name in ("missing", "tile") if event.get(name)}
        self.results.append({**row, "time": now()})

    def _events(self, executor: Executor, job: Job) -> Iterator[Row]:
        """Run a job and yield what it finds as it comes.

        Raises:
            JobFailedError: it failed; what it found before was yielded.
        """
        events: queue.SimpleQueue[Row | None] = queue.SimpleQueue()
        future = executor.submit(job, events.put)
        future.add_done_callback(lambda _: events.put(None))
        while (event := events.get()) is not None:
            if "seconds" in event:
                for name, seconds in event["seconds"].items():
                    self.seconds[name] += seconds
            else:
                yield event
        future.result()

    def _fail(self, images: ImageSet, method: ModelSpec, reason: str) -> None:
        self.failures[Part(method.name, images.name, images.scale)] = reason
        self.ui.warn(f"{method.name} on {images.name} x{images.scale} failed: {reason}")
        self._job_row(images, method, "failed", reason)

    def _end(self, images: ImageSet, method: ModelSpec, status: str, reason: str) -> None:
        """Record how a method ended on a dataset, unless the last row says so already."""
        row = {**self._who(method, images.scale), "dataset": images.name}
        if self.status.get(_group(row)) != (row["plugin"], row["weights"], status):
            self._job_row(images, method, status, reason)

    def _job_row(self, images: ImageSet, method: ModelSpec, status: str, reason: str) -> None:
        row = {"kind": "job", **self._who(method, images.scale), "dataset": images.name, "status": status}
        self.status[_group(row)] = row["plugin"], row["weights"], status
        self.results.append({**row, "reason": reason, "images": len(images.pairs), "time": now()})


def _group(row: Row) -> tuple[str, ...]:
    return tuple(str(row[k]) for k in ("method", "dataset", "scale", "device", "precision"))
