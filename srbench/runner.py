"""Many jobs: what was asked -> what is still missing -> executor -> rows in ``results.jsonl``.

Running the same request on the same folder again scores only what is missing or failed. Only this process writes.
"""

from __future__ import annotations

import hashlib
import json
import queue
import subprocess
from collections import defaultdict
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from srbench import __version__
from srbench.assets import fetch_all, file_hash
from srbench.backbones import fetch_backbone
from srbench.datasets import find_dataset, usable
from srbench.errors import AssetError, SRBenchError, UsageError
from srbench.executors import InlineExecutor, JobFailedError, WorkerExecutor
from srbench.protocols import get_protocol
from srbench.resize import DEGRADATION
from srbench.results import ResultsFile, encode_value, read_rows, write_json
from srbench.specs import Asset
from srbench.worker import Cell, Job, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from srbench.catalog import Catalog
    from srbench.executors import Executor
    from srbench.results import Row
    from srbench.specs import DatasetSpec, ImagePair, MetricSpec, ModelSpec

PRECISION = "fp32"
CHUNK = 8
"""Images per job: few enough that the references of a chunk stay in the worker's store for the next method."""


class UI(Protocol):
    """How a run talks to its user."""

    def note(self, text: str) -> None:
        """Say something worth knowing."""

    def warn(self, text: str) -> None:
        """Say that something is wrong, though the run goes on."""

    def track(self, what: str, total: int) -> AbstractContextManager[Callable[[str], None]]:
        """Show progress; the function given is called after each step with what comes next."""


@dataclass(frozen=True)
class Request:
    """What was asked of ``srbench run``."""

    methods: tuple[str, ...]
    datasets: tuple[str, ...]
    scales: tuple[int, ...]
    protocols: tuple[str, ...]
    metrics: tuple[str, ...]
    out: Path
    plugins: tuple[str, ...] = ()
    device: str = "auto"
    threads: int = 0
    speed: dict[str, Any] | None = field(default_factory=dict)
    """Speed settings (size, batch, seconds); None skips speed."""
    save_images: bool = False
    force: bool = False
    inline: bool = False
    timeout_s: float = 0
    max_memory: int = 0
    command: str = ""


@dataclass(frozen=True)
class ImageSet:
    """A dataset at a scale, with the hashes that its images are known by."""

    spec: DatasetSpec
    asked: str
    """How the dataset was asked for: its name or absolute path, which workers understand."""
    name: str
    scale: int
    pairs: list[ImagePair]
    hashes: dict[str, str]
    left_out: list[str]
    fault: str = ""
    """Why none of it can be scored."""

    @property
    def digest(self) -> str:
        """Return a hash over all images, in order of their names."""
        return _digest(sorted(self.hashes.items()))


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    failed: list[str]
    seconds: dict[str, float]
    scored: int

    @property
    def ok(self) -> bool:
        """True when no method failed."""
        return not self.failed


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
    specs = _named(request, catalog)
    for _, spec, _ in specs:
        for scale in request.scales:
            spec.pairs(scale)  # refuses a scale that does not exist before anything is fetched
    _say_unsupported(methods, request.scales, ui)
    try:
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SRBenchError(f"{request.out}: cannot be made ({error.strerror})") from error
    sets = [_prepare(asked, spec, name, scale, ui) for asked, spec, name in specs for scale in request.scales]
    missing = _missing_backbones(metrics, ui)
    results = ResultsFile(request.out / "results.jsonl")
    try:
        return _Run(request, catalog, methods, metrics, sets, missing, results, ui).go()
    finally:
        results.close()


def _named(request: Request, catalog: Catalog) -> list[tuple[str, DatasetSpec, str]]:
    """Resolve datasets; two folders of the same name go by their paths."""
    specs: dict[str, DatasetSpec] = {}
    for text in request.datasets:
        spec = find_dataset(catalog, text)
        asked = spec.name if text in catalog.datasets else str(Path(text).expanduser().resolve())
        specs[asked] = spec
    names = [spec.name for spec in specs.values()]
    return [
        (asked, spec, spec.name if names.count(spec.name) == 1 and _own_name(asked, spec, catalog) else asked)
        for asked, spec in specs.items()
    ]


def _own_name(asked: str, spec: DatasetSpec, catalog: Catalog) -> bool:
    return asked == spec.name or spec.name not in catalog.datasets


def _say_unsupported(methods: list[ModelSpec], scales: tuple[int, ...], ui: UI) -> None:
    for method in methods:
        if cannot := [f"x{scale}" for scale in scales if scale not in method.scales]:
            does = ", ".join(f"x{scale}" for scale in sorted(method.scales))
            ui.warn(f"{method.name} does not do {', '.join(cannot)} (it does {does}): unsupported")


def _prepare(asked: str, spec: DatasetSpec, name: str, scale: int, ui: UI) -> ImageSet:
    """Fetch a dataset's files and leave out what cannot be scored, naming each fault.

    Raises:
        UsageError: a folder of which no image can be scored.
    """
    pairs = spec.pairs(scale)
    assets = [file for pair in pairs for file in (pair.hr, pair.lr) if isinstance(file, Asset)]
    try:
        fetch_dataset(assets, f"{spec.name} x{scale}", ui)
    except AssetError as error:
        return ImageSet(spec, asked, name, scale, [], {}, [], fault=str(error))
    good, faults = usable(pairs, scale)
    for fault in faults:
        ui.warn(f"left out: {fault}")
    if not good:
        why = "; ".join(faults[:3]) or "it lists no image"
        raise UsageError(f"dataset {asked}: no image can be scored at x{scale}: {why}")
    hashes = {
        pair.name: file_hash(pair.hr) + (f"+{file_hash(pair.lr)}" if pair.lr is not None else "") for pair in good
    }
    return ImageSet(spec, asked, name, scale, good, hashes, faults)


def fetch_dataset(assets: list[Asset], what: str, ui: UI) -> None:
    """Fetch a dataset's files, showing progress.

    Raises:
        AssetError: a file could not be had.
    """
    if not assets:
        return
    with ui.track(f"fetching {what}", len(assets)) as advance:
        fetch_all(assets, lambda asset: advance(Path(asset.path).name))


def _missing_backbones(metrics: list[MetricSpec], ui: UI) -> dict[str, str]:
    """Fetch what metrics need; return, by metric, why it cannot be computed."""
    missing = {}
    for metric in metrics:
        if metric.backbone:
            try:
                fetch_backbone(metric.backbone)
            except AssetError as error:
                missing[metric.name] = str(error)
                ui.warn(f"no {metric.name}: {error}")
    return missing


class _Run:
    """One run: the plan, what is already there, and the loop over jobs."""

    def __init__(
        self,
        request: Request,
        catalog: Catalog,
        methods: list[ModelSpec],
        metrics: list[MetricSpec],
        sets: list[ImageSet],
        missing: dict[str, str],
        results: ResultsFile,
        ui: UI,
    ) -> None:
        self.request = request
        self.catalog = catalog
        self.methods = methods
        self.metrics = metrics
        self.sets = sets
        self.missing = missing
        self.results = results
        self.ui = ui
        self.device = ""
        self.done: set[str] = set()
        self.noted: set[str] = set()
        """Keys whose last row says that the backbone is missing."""
        self.status: dict[tuple[str, ...], str] = {}
        self.identities: dict[str, Row] = {}
        self.failures: dict[tuple[str, str, int], str] = {}
        self.seconds: dict[str, float] = defaultdict(float)
        self.scored = 0

    def go(self) -> Outcome:
        session = Session(self.request.device, self.request.threads, self.request.plugins)
        if self.request.inline:
            executor: Executor = InlineExecutor(session)
        else:
            log = self.request.out / "worker.log"
            executor = WorkerExecutor(session, log, self.request.timeout_s, self.request.max_memory)
        try:
            environment = executor.environment()
            self.device = environment["device"]
            write_run_json(self.request, self.catalog, self.methods, self.metrics, self.sets, environment)
            self._read_existing()
            self._work(executor)
        finally:
            executor.shutdown()
        failed = [f"{m} on {d} x{s}: {reason}" if d else f"{m} x{s}: {reason}" for (m, d, s), reason in self.failures.items()]
        return Outcome(failed, dict(self.seconds), self.scored)

    def _read_existing(self) -> None:
        for row in read_rows(self.results.path):
            if row["kind"] == "job":
                self.status[_group(row)] = row["status"]
            elif row.get("missing"):
                self.noted.add(row["key"])
            else:
                self.done.add(row["key"])
        if self.request.force:
            self.done.clear()

    def _work(self, executor: Executor) -> None:
        plan = [(s, method) for s in self.sets for method in self.methods]
        todo: dict[tuple[str, str, int], dict[str, list[Cell]]] = {}
        for images, method in plan:
            if images.scale not in method.scales:
                self._end(images, method, "unsupported", f"does not do x{images.scale}")
            elif images.fault:
                self._fail(images, method, images.fault)
            elif pending := self._pending(images, method):
                todo[method.name, images.name, images.scale] = pending
                self._job_row(images, method, "started", "")
            else:
                self._end(images, method, "ok", "")
        jobs = list(self._score_jobs(todo))
        speeds = self._speed_jobs()
        steps = sum(max(1, len(job.images)) for _, job in jobs) + len(speeds)
        if not steps:
            self.ui.note("nothing to do: everything asked for is already there (--force scores it again)")
            return
        with self.ui.track("scoring", steps) as advance:
            for images, job in jobs:
                if (job.method, images.name, job.scale) not in self.failures:
                    self._score(executor, images, job, advance)
                else:
                    for _ in job.images:
                        advance("")
            for images, method in plan:
                key = (method.name, images.name, images.scale)
                if key in todo and key not in self.failures:
                    self._end(images, method, "ok", "")
            for job, row in speeds:
                advance(f"{job.method} x{job.scale} speed")
                self._measure(executor, job, row)

    def _pending(self, images: ImageSet, method: ModelSpec) -> dict[str, list[Cell]]:
        """Return the cells still to score by image; notes the values that cannot be had."""
        pending: dict[str, list[Cell]] = {}
        for pair in images.pairs:
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
            if cells or (self.request.save_images and not self._picture(images, method, pair.name).exists()):
                pending[pair.name] = cells
        return pending

    def _who(self, method: ModelSpec, scale: int) -> Row:
        """What tells one method's numbers from another's."""
        weights = method.weights.get(scale)
        return {
            "method": method.name,
            "scale": scale,
            "plugin": self.catalog.models.owner(method.name).fingerprint,
            "weights": file_hash(weights)[:16] if weights and weights.is_file() else "",
            "device": self.device,
            "precision": PRECISION,
        }

    def _identity(
        self, images: ImageSet, method: ModelSpec, pair: ImagePair, metric: MetricSpec, protocol: str
    ) -> Row:
        identity = {
            **self._who(method, images.scale),
            "image_sha256": images.hashes[pair.name],
            "degradation": DEGRADATION if pair.lr is None else "as-given",
            "protocol": get_protocol(protocol).identity if protocol else "",
            "metric": metric.identity,
            "srbench": __version__,
        }
        return {"kind": "score", "key": _digest(identity), "dataset": images.name, "image": pair.name, **identity}

    def _picture(self, images: ImageSet, method: ModelSpec, image: str) -> Path:
        folder = Path(images.name).name
        return self.request.out / "images" / f"{folder}_x{images.scale}" / method.name / f"{image}.png"

    def _score_jobs(self, todo: dict[tuple[str, str, int], dict[str, list[Cell]]]) -> Iterator[tuple[ImageSet, Job]]:
        """Cut the work into jobs, image-major: every method sees a chunk while its references are warm."""
        for images in self.sets:
            for start in range(0, len(images.pairs), CHUNK):
                names = [pair.name for pair in images.pairs[start : start + CHUNK]]
                for method in self.methods:
                    pending = todo.get((method.name, images.name, images.scale), {})
                    if chunk := {name: pending[name] for name in names if name in pending}:
                        save = {n: str(self._picture(images, method, n).absolute()) for n in chunk}
                        yield (
                            images,
                            Job(
                                method.name,
                                images.scale,
                                images.asked,
                                chunk,
                                save if self.request.save_images else {},
                            ),
                        )

    def _speed_jobs(self) -> list[tuple[Job, Row]]:
        settings = self.request.speed
        if settings is None:
            return []
        jobs = []
        for method in self.methods:
            for scale in dict.fromkeys(images.scale for images in self.sets):
                if scale in method.scales:
                    row = {"kind": "speed", **self._who(method, scale), **settings, "srbench": __version__}
                    row["key"] = _digest(row)
                    if row["key"] not in self.done:
                        jobs.append((Job(method.name, scale, speed=settings), row))
        return jobs

    def _score(self, executor: Executor, images: ImageSet, job: Job, advance: Callable[[str], None]) -> None:
        method = self.catalog.models[job.method]
        left = len(job.images)
        try:
            for event in self._events(executor, job):
                if "cell" in event:
                    value = {"value": encode_value(event["value"]), "reason": event["reason"]}
                    if event.get("missing"):
                        value["missing"] = True
                    self.results.append({**self.identities[event["cell"]], **value, "time": _now()})
                    self.scored += 1
                elif "image" in event:
                    left -= 1
                    advance(f"{job.method} {images.name} x{job.scale} {event['image']}")
        except JobFailedError as error:
            self._fail(images, method, str(error))
            for _ in range(left):
                advance("")

    def _measure(self, executor: Executor, job: Job, row: Row) -> None:
        if reason := next((r for (m, d, s), r in self.failures.items() if m == job.method and s == job.scale and d), ""):
            self.ui.warn(f"{job.method} x{job.scale}: speed is not measured, for it failed: {reason}")
            return
        try:
            for event in self._events(executor, job):
                if "speed" in event:
                    self.results.append({**row, **event["speed"], "time": _now()})
        except JobFailedError as error:
            self.failures[job.method, "", job.scale] = f"speed: {error}"
            self.ui.warn(f"{job.method} x{job.scale} failed: speed: {error}")
            method = self.catalog.models[job.method]
            for images in self.sets:
                if images.scale == job.scale:
                    self._job_row(images, method, "failed", f"speed: {error}")

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
        self.failures[method.name, images.name, images.scale] = reason
        self.ui.warn(f"{method.name} on {images.name} x{images.scale} failed: {reason}")
        self._job_row(images, method, "failed", reason)

    def _end(self, images: ImageSet, method: ModelSpec, status: str, reason: str) -> None:
        """Record how a method ended on a dataset, unless the last row says so already."""
        if self.status.get(_group({**self._who(method, images.scale), "dataset": images.name})) != status:
            self._job_row(images, method, status, reason)

    def _job_row(self, images: ImageSet, method: ModelSpec, status: str, reason: str) -> None:
        row = {"kind": "job", **self._who(method, images.scale), "dataset": images.name, "status": status}
        self.status[_group(row)] = status
        self.results.append({**row, "reason": reason, "images": len(images.pairs), "time": _now()})


def _group(row: Row) -> tuple[str, ...]:
    return tuple(str(row[k]) for k in ("method", "dataset", "scale", "plugin", "weights", "device", "precision"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def git_commit() -> str:
    """Return the commit of the source tree that srbench runs from, or an empty string."""
    folder = Path(__file__).resolve().parent
    if not (folder.parent / ".git").exists():
        return ""
    try:
        git = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]  # noqa: S607
        return subprocess.run(git, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def write_run_json(
    request: Request,
    catalog: Catalog,
    methods: list[ModelSpec],
    metrics: list[MetricSpec],
    sets: list[ImageSet],
    environment: Row,
) -> None:
    """Write what was asked and with what; what earlier commands on the same folder asked for stays in it.

    Raises:
        SRBenchError: the file cannot be written, or is not one of srbench's.
    """
    path = request.out / "run.json"
    before = read_run_json(path) if path.exists() else {}
    methods_now = {
        method.name: {
            "summary": method.summary,
            "plugin": catalog.models.owner(method.name).name,
            "origin": catalog.models.owner(method.name).origin,
            "fingerprint": catalog.models.owner(method.name).fingerprint,
        }
        for method in methods
    }
    metrics_now = {
        m.name: {"identity": m.identity, "better": m.better, "decimals": m.decimals, "uses_protocol": m.uses_protocol}
        for m in metrics
    }
    sets_now = {
        f"{s.name} x{s.scale}": {
            "dataset": s.name,
            "scale": s.scale,
            "source": s.spec.source,
            "hash": s.digest,
            "images": s.hashes,
            "left_out": s.left_out,
        }
        for s in sets
    }
    protocols_now = {p.identity: asdict(p) for p in map(get_protocol, request.protocols)}
    command = {"command": request.command, "time": _now(), "environment": environment, "git_commit": git_commit()}
    write_json(
        path,
        {
            "schema": 1,
            "commands": [*before.get("commands", []), command],
            "methods": before.get("methods", {}) | methods_now,
            "metrics": before.get("metrics", {}) | metrics_now,
            "datasets": before.get("datasets", {}) | sets_now,
            "protocols": before.get("protocols", {}) | protocols_now,
            "speed": request.speed,
        },
    )


def read_run_json(path: Path) -> Row:
    """Read a run's description.

    Raises:
        SRBenchError: it is missing, damaged, or of another schema.
    """
    try:
        data: Row = json.loads(path.read_text(encoding="utf-8"))
        schema = data["schema"]
    except FileNotFoundError as error:
        raise SRBenchError(f"{path.parent} holds no run: {path.name} is not there") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SRBenchError(f"{path}: cannot be read as a run's description ({error})") from error
    if schema != 1:
        raise SRBenchError(f"{path}: was written with schema {schema}, this srbench reads 1")
    return data
