"""Run jobs: what is asked for, less what is there -> executor -> rows in ``results.jsonl``.

Running the same request on the same folder again scores only what is missing or failed. Only this process writes.
"""

from __future__ import annotations

import itertools
import queue
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from srbench.errors import Code, Failure, SRBenchError, reason_of
from srbench.execution.events import ImageDone, SpeedMeasured, TimeSpent, ValueScored
from srbench.execution.executor import JobFailedError
from srbench.results.rows import ResultsFile, encode_value, read_rows
from srbench.results.run_file import RunDescription, add_seconds, now, write_run_file
from srbench.runs.executors import check_executor, open_executor
from srbench.runs.parts import Part
from srbench.runs.plan import Plan
from srbench.runs.prepare import find_specs, prepare_run, warn_unsupported
from srbench.runs.request import record_request
from srbench.system.locks import hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Future

    from srbench.catalog.catalog import Catalog
    from srbench.execution.events import Event
    from srbench.execution.executor import Executor
    from srbench.execution.jobs import Cell
    from srbench.runs.plan import Task
    from srbench.runs.request import Request
    from srbench.system.terminal import UI

QUIET_S = 5.0
"""Without an event for so long, the executor is asked whether it still works."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the parts that failed, each with its failure, and the seconds spent by kind of work."""

    failed: Mapping[Part, Failure]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class End:
    """The end of a task; without a failure it succeeded."""

    failure: Failure | None = None


def run(request: Request, catalog: Catalog, ui: UI) -> Outcome:
    """Score and time what was asked and is not yet there.

    Raises:
        UsageError: a name, scale or combination does not exist; nothing was started.
        SRBenchError: the run cannot be done at all (no device, output folder not writable or in use).
        KeyboardInterrupt: stopped by the user; what was done is saved.
    """
    specs = find_specs(request, catalog)
    check_executor(request, catalog)
    for _, dataset, _ in specs.datasets:
        if dataset.images is not None:
            for scale in request.scales:
                dataset.pairs(scale)  # a folder that cannot be listed is said before anything is fetched
    warn_unsupported(specs.methods, request.scales, ui)
    try:
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SRBenchError(f"{request.out}: cannot be made ({reason_of(error)})") from error
    with hold(request.out):
        prepared = prepare_run(request, catalog, specs, ui)
        with (
            closing(ResultsFile(request.out / "results.jsonl")) as results,
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
            )
            write_run_file(request.out, description)
            devices = {method: machine.device for method, machine in machines.items()}
            plan = Plan(request, catalog, prepared, devices)
            plan.read(read_rows(results.path))
            outcome = _Run(plan, results, executor, ui).go()
        add_seconds(request.out, outcome.seconds)
        return outcome


def events_of(
    executor: Executor, tasks: Iterable[Task], wanted: Callable[[Task], bool], *, timed: bool = False
) -> Iterator[tuple[Task, Event | End]]:
    """Keep as many jobs with an executor as it has room for, and yield their events as they come.

    Args:
        executor: runs the jobs.
        tasks: the jobs in their order.
        wanted: asked of each task when its turn comes; one that is not wanted any more ends at once.
        timed: the jobs measure time: only so many run at once as do not disturb each other.

    Yields:
        A task and an event of its job; the last is an `End`.

    Raises:
        SRBenchError: the executor works no more.
    """
    waiting = iter(tasks)
    numbers = itertools.count()
    running: dict[int, tuple[Task, Future[None]]] = {}
    arrived: queue.SimpleQueue[tuple[int, Event | None]] = queue.SimpleQueue()
    while True:
        while len(running) < executor.room(timed=timed) and (task := next(waiting, None)):
            if not wanted(task):
                yield task, End()
                continue
            number = next(numbers)
            future = executor.submit(task.job, partial(_put, arrived, number))
            running[number] = task, future
            future.add_done_callback(partial(_put_end, arrived, number))
        if not running:
            return
        try:
            number, event = arrived.get(timeout=QUIET_S)
        except queue.Empty:
            executor.check()
            continue
        task, future = running[number]
        if event is not None:
            yield task, event
            continue
        del running[number]
        error = future.exception()
        if error is None:
            yield task, End()
        elif isinstance(error, JobFailedError):
            yield task, End(error.failure)
        else:
            raise error


def _put(arrived: queue.SimpleQueue[tuple[int, Event | None]], number: int, event: Event) -> None:
    arrived.put((number, event))


def _put_end(arrived: queue.SimpleQueue[tuple[int, Event | None]], number: int, _: Future[None]) -> None:
    arrived.put((number, None))


@dataclass
class _Run:
    """One run: what is left to do, the loop over jobs, and the rows that come of it."""

    plan: Plan
    results: ResultsFile
    executor: Executor
    ui: UI
    failures: dict[Part, Failure] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def go(self) -> Outcome:
        todo = self._begin()
        scores, speeds = list(self.plan.score_tasks(todo)), self.plan.speed_tasks()
        if steps := sum(len(task.job.images) for task in scores) + len(speeds):
            with self.ui.track("scoring", steps) as advance:
                self._score(scores, advance)
                for part in todo:
                    if part not in self.failures:
                        self._end(part, "ok")
                self._measure(speeds, advance)
        elif not self.failures:
            self.ui.note("nothing to do: everything asked for is already there (--force scores it again)")
        return Outcome(self.failures, dict(self.seconds))

    def _begin(self) -> dict[Part, dict[str, list[Cell]]]:
        """Return the cells still to score, by part and image; record parts that need no work."""
        todo = {}
        for images in self.plan.sets:
            for method in self.plan.methods:
                part = Part(method.name, images.name, images.scale)
                if reason := self.plan.unsupported(method, images.scale):
                    self._end(part, "unsupported", reason)
                elif images.fault:
                    self._fail(part, Failure(Code.MISSING_FILE, images.fault))
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

    def _wanted(self, task: Task) -> bool:
        """Return whether none of a task's parts failed before."""
        return not any(part in self.failures for part in task.parts)

    def _score(self, tasks: Iterable[Task], advance: Callable[[str], None]) -> None:
        """Run jobs and write their values; a part that failed is not tried on."""
        images_done: Counter[int] = Counter()
        for task, event in events_of(self.executor, tasks, self._wanted):
            (part,) = task.parts
            if isinstance(event, ValueScored):
                self._value_row(event)
            elif isinstance(event, ImageDone):
                images_done[id(task)] += 1
                if event.saved:
                    self.results.append({**self.plan.picture(part, event.image), "time": now()})
                advance(f"{part} {event.image}")
            elif isinstance(event, TimeSpent):
                self._add_seconds(event)
            elif isinstance(event, End):
                if event.failure:
                    self._fail(part, event.failure)
                for _ in range(len(task.job.images) - images_done.pop(id(task), 0)):
                    advance("")

    def _measure(self, tasks: Iterable[Task], advance: Callable[[str], None]) -> None:
        """Measure methods' speed, of those that did not fail at this scale already."""
        for task, event in events_of(self.executor, tasks, self._wanted, timed=True):
            if isinstance(event, SpeedMeasured):
                shared = {"shared": event.shared} if event.shared else {}
                self.results.append({**task.row, **event.figures, **shared, "time": now()})
            elif isinstance(event, TimeSpent):
                self._add_seconds(event)
            elif isinstance(event, End):
                if event.failure:
                    for part in task.parts:
                        self._fail(part, Failure(event.failure.code, f"speed: {event.failure}"))
                advance(f"{task.job.method} x{task.job.scale} speed")

    def _add_seconds(self, event: TimeSpent) -> None:
        for kind, seconds in event.seconds.items():
            self.seconds[kind] += seconds

    def _value_row(self, event: ValueScored) -> None:
        row = {**self.plan.identities[event.cell], "value": encode_value(event.value), "reason": event.reason}
        if event.code is not None:
            row |= {"missing": True, "code": event.code}
        if event.tile:
            row["tile"] = event.tile
        self.results.append({**row, "time": now()})

    def _fail(self, part: Part, failure: Failure) -> None:
        """Record that a part failed, once: jobs of it that were under way may fail after it."""
        if part not in self.failures:
            self.failures[part] = failure
            self.ui.warn(f"{part} failed: {failure}")
            self._job_row(part, "failed", failure.reason, failure.code)

    def _end(self, part: Part, status: str, reason: str = "") -> None:
        """Record how a method ended on a dataset, unless the last row says so already."""
        if not self.plan.has_status(self.plan.job_row(part, status)):
            self._job_row(part, status, reason)

    def _job_row(self, part: Part, status: str, reason: str = "", code: Code | None = None) -> None:
        row = self.plan.job_row(part, status)
        self.plan.note_status(row)
        images = len(self.plan.images(part).pairs)
        codes = {"code": code} if code is not None else {}
        self.results.append({**row, "reason": reason, **codes, "images": images, "time": now()})
