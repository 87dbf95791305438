"""Run a request's pending jobs on an executor, and write their results to ``results.jsonl``.

The same request on the same folder scores only what is missing or failed. Only this process writes results.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from srbench import defaults
from srbench.catalog.plugin_files import code_hash, plugin_source
from srbench.errors import Code, Failure, SRBenchError, reason_of
from srbench.execution.events import ImageDone, Remarked, SpeedMeasured, TimeSpent, ValueScored
from srbench.results.rows import ResultsFile, encode_value, read_rows
from srbench.results.run_file import RunDescription, add_seconds, now, write_run_file
from srbench.results.run_folder import RESULTS, check_run_folder, remove_leftovers_of_run
from srbench.results.suspicion import suspicious
from srbench.runs.answers import Owed
from srbench.runs.executors import check_executor, open_executor
from srbench.runs.parts import Part
from srbench.runs.plan import Plan
from srbench.runs.prepare import find_specs, list_images, prepare_run, warn_unsupported
from srbench.runs.request import record_request
from srbench.runs.submit import End, events_of
from srbench.system.locks import hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from srbench.catalog.catalog import Catalog
    from srbench.data.image_sets import ImageSet
    from srbench.execution.executor import Executor
    from srbench.execution.jobs import Cell
    from srbench.runs.plan import Task
    from srbench.runs.request import Request
    from srbench.specs import ModelSpec
    from srbench.system.terminal import UI


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run: the failures by part, the seconds spent by kind of work, and what is unsupported."""

    failed: Mapping[Part, Failure]
    seconds: Mapping[str, float]
    unsupported: Mapping[str, str] = field(default_factory=dict)
    """Methods of which nothing could be run, with the reason."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Metrics that were asked for and could not be computed, with the reason; the default ones may be missing."""


def run(request: Request, catalog: Catalog, ui: UI) -> Outcome:
    """Score and time what the request asks for and its folder does not hold yet.

    Raises:
        UsageError: a name, scale or combination does not exist; nothing was started.
        SRBenchError: the run cannot start (no such device, output folder not writable or in use).
        KeyboardInterrupt: stopped by the user; finished rows are saved.
    """
    specs = find_specs(request, catalog)
    protocols, metrics = (tuple(spec.name for spec in kind) for kind in (specs.protocols, specs.metrics))
    request = replace(request, protocols=tuple(dict.fromkeys(protocols)), metrics=metrics)  # as users may write them
    check_executor(request, catalog)
    listings = list_images(specs, request.scales, request.images)
    warn_unsupported(specs.methods, request.scales, ui)
    check_run_folder(request.out)
    try:
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SRBenchError(f"{request.out}: cannot be made ({reason_of(error)})") from error
    with hold(request.out):
        remove_leftovers_of_run(request.out)
        prepared = prepare_run(request, catalog, specs, listings, ui)
        plan = Plan(request, catalog, prepared, devices={})
        bounds = {metric.identity: metric.bounds for metric in specs.metrics}
        plan.read(read_rows(request.out / RESULTS, bounds))  # all of it, before anything is written
        with (
            closing(ResultsFile(request.out / RESULTS)) as results,
            open_executor(request, catalog) as executor,
        ):
            machines = {method.name: executor.environment(method.name) for method in specs.methods}
            references = list(dict.fromkeys(images.reference for images in prepared.sets))
            description = RunDescription(
                command=request.command,
                request=record_request(request, catalog, references),
                environment=asdict(next(iter(machines.values()))),
                owners={method.name: catalog.models.owner(method.name) for method in specs.methods},
                methods=specs.methods,
                metrics=specs.metrics,
                protocols=specs.protocols,
                sets=prepared.sets,
                weights=prepared.weights,
                plugins={file: code_hash(plugin_source(file)) for file in request.plugins},
            )
            write_run_file(request.out, description)
            plan.devices = {method: machine.device for method, machine in machines.items()}
            outcome = _Run(plan, results, executor, ui).go()
        add_seconds(request.out, outcome.seconds)
        return outcome


@dataclass
class _Run:
    """One run: the pending work, the loop over jobs, and the rows written."""

    plan: Plan
    results: ResultsFile
    executor: Executor
    ui: UI
    failures: dict[Part, Failure] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    remarked: set[tuple[Part, str]] = field(default_factory=set)
    """Parts and topics of the remarks made."""
    unsupported: dict[str, str] = field(default_factory=dict)
    """Methods of which no part is supported, with the reason."""
    missing: dict[str, str] = field(default_factory=dict)
    """Metrics that could not be computed, with the reason."""

    def go(self) -> Outcome:
        self.missing |= self.plan.prepared.missing
        todo = self._begin()
        scores, speeds = list(self.plan.score_tasks(todo)), self.plan.speed_tasks()
        if steps := sum(len(task.job.images) for task in scores) + len(speeds):
            with self.ui.track("scoring", steps) as advance:
                self._score(scores, advance)
                self._suspect()
                for part in todo:
                    if part not in self.failures:
                        self._end(part, "ok")
                self._measure(speeds, advance)
        elif self.unsupported.keys() >= {method.name for method in self.plan.methods}:
            self.ui.note("nothing was scored: unsupported")
        elif not self.failures and not self.missing:
            self.ui.note("nothing to do: all results exist already (--force scores them again)")
        is_chosen = self.plan.request.metrics != defaults.METRICS
        missing = self.missing if is_chosen else {}
        return Outcome(self.failures, dict(self.seconds), self.unsupported, missing)

    def _begin(self) -> dict[Part, dict[str, list[Cell]]]:
        """Return the cells still to score, by part and image; record the parts without work."""
        todo = {}
        scales = {images.scale for images in self.plan.sets}
        for method in self.plan.methods:
            reasons = [self.plan.unsupported(method, scale) for scale in scales]
            if all(reasons):
                self.unsupported[method.name] = reasons[0]
        for images in self.plan.sets:
            for method in self.plan.methods:
                part = Part(method.name, images.name, images.scale)
                if reason := self.plan.unsupported(method, images.scale):
                    self._end(part, "unsupported", reason)
                elif images.fault:
                    self._fail(part, Failure(Code.MISSING_FILE, images.fault))
                elif fault := self._lacks_files(images, method):
                    self._fail(part, fault)
                else:
                    pending, notes = self.plan.pending(images, method)
                    for row in notes:
                        self.results.append(row)
                    if pending:
                        todo[part] = pending
                        self._job_row(part, "started")
                    else:
                        self._end(part, "ok")
        return todo

    def _lacks_files(self, images: ImageSet, method: ModelSpec) -> Failure | None:
        """Return why a method that is a folder of SR images has not one of each."""
        try:
            self.plan.sr_files(images, method)
        except SRBenchError as error:
            return Failure(Code.MISSING_FILE, str(error))
        return None

    def _is_needed(self, task: Task) -> bool:
        """Return whether no part of a task has failed."""
        return not any(part in self.failures for part in task.parts)

    def _score(self, tasks: Iterable[Task], advance: Callable[[str], None]) -> None:
        """Run jobs and write their values; skip the jobs of failed parts."""
        owed: dict[int, Owed] = {}
        for task, event in events_of(self.executor, tasks, self._is_needed):
            (part,) = task.parts
            own = owed.setdefault(id(task), Owed(task.job))
            if isinstance(event, End):
                self._end_of_scoring(task, event, owed.pop(id(task)), advance)
            elif not own.takes(event):
                self._remark(part, Remarked("process", "answers that belong to no value of the job are dropped"))
            elif isinstance(event, ValueScored):
                self._value_row(event)
            elif isinstance(event, ImageDone):
                if event.saved:
                    row = self.plan.picture(part, event.image)
                    self.results.append({**row, "files": event.files, "time": now()})
                advance(f"{part} {event.image}")
            elif isinstance(event, Remarked):
                self._remark(part, event)
            elif isinstance(event, TimeSpent):
                self._add_seconds(event)

    def _end_of_scoring(self, task: Task, event: End, owed: Owed, advance: Callable[[str], None]) -> None:
        fault = owed.fault if self._is_needed(task) else None
        if failure := event.failure or fault:
            self._fail(task.parts[0], failure)
        for _ in owed.images:
            advance("")

    def _suspect(self) -> None:
        """Remark on values that no method has without HR."""
        for key, text in suspicious(read_rows(self.results.path)).items():
            if (part := Part(*key)) in self.plan.parts:
                self._remark(part, Remarked("hr", text))

    def _measure(self, tasks: Iterable[Task], advance: Callable[[str], None]) -> None:
        """Measure the speed of methods that have not failed at this scale."""
        measured: set[int] = set()
        for task, event in events_of(self.executor, tasks, self._is_needed, timed=True):
            if isinstance(event, SpeedMeasured):
                measured.add(id(task))
                shared = {"shared": event.shared} if event.shared else {}
                self.results.append({**task.row, **event.figures, **shared, "time": now()})
            elif isinstance(event, Remarked):
                for part in task.parts:
                    self._remark(part, event)
            elif isinstance(event, TimeSpent):
                self._add_seconds(event)
            elif isinstance(event, End):
                failure = event.failure
                if failure is None and id(task) not in measured and self._is_needed(task):
                    failure = Failure(Code.LOST, "its worker answered without figures")
                self._end_of_speed(task, failure)
                advance(f"{task.job.method} x{task.job.scale} speed")

    def _end_of_speed(self, task: Task, failure: Failure | None) -> None:
        if failure and not self.plan.request.speed:
            self.ui.warn(f"{task.job.method} x{task.job.scale}: MACs are not counted: {failure}")
        elif failure:
            for part in task.parts:
                self._fail(part, Failure(failure.code, f"speed: {failure}"))

    def _add_seconds(self, event: TimeSpent) -> None:
        for kind, seconds in event.seconds.items():
            self.seconds[kind] += seconds

    def _value_row(self, event: ValueScored) -> None:
        row = {**self.plan.identities[event.cell], "value": encode_value(event.value), "reason": event.reason}
        if event.code is not None:
            self.missing.setdefault(row["metric"].split("/")[0], event.reason)
            row |= {"missing": True, "code": event.code}
        if event.tile:
            row["tile"] = event.tile
        self.results.append({**row, "time": now()})

    def _remark(self, part: Part, event: Remarked) -> None:
        """Record a remark on a part, the first of each topic in this run: each of its jobs may make one."""
        if (part, event.topic) not in self.remarked:
            self.remarked.add((part, event.topic))
            self.ui.warn(f"{part}: {event.text}")
            self.results.append({**self.plan.remark_row(part, event.topic), "text": event.text, "time": now()})

    def _fail(self, part: Part, failure: Failure) -> None:
        """Record that a part failed, once: its other running jobs may fail too."""
        if part not in self.failures:
            self.failures[part] = failure
            self.ui.warn(f"{part} failed: {failure}")
            self._job_row(part, "failed", failure.reason, failure.code)

    def _end(self, part: Part, status: str, reason: str = "") -> None:
        """Record the status of a method on a dataset, unless its last row has the same."""
        if not self.plan.has_status(self.plan.job_row(part, status)):
            self._job_row(part, status, reason)

    def _job_row(self, part: Part, status: str, reason: str = "", code: Code | None = None) -> None:
        row = self.plan.job_row(part, status)
        self.plan.note_status(row)
        images = len(self.plan.images(part).pairs)
        codes = {"code": code} if code is not None else {}
        self.results.append({**row, "reason": reason, **codes, "images": images, "time": now()})
