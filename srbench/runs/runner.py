"""Many jobs: what was asked -> what is still missing -> executor -> rows in ``results.jsonl``.

Running the same request on the same folder again scores only what is missing or failed. Only this process writes.
"""

from __future__ import annotations

import itertools
import queue
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from srbench.data.image_sets import prepare
from srbench.errors import SRBenchError
from srbench.execution.executor import JobFailedError
from srbench.images.degradations import get_degradation
from srbench.protocols import get_protocol
from srbench.results.rows import ResultsFile, encode_value, read_rows
from srbench.results.run_file import add_seconds, now, write_run_file
from srbench.runs.executors import check_place, open_executor
from srbench.runs.plan import Part, Plan
from srbench.runs.prepare import choose_weights, missing_backbones, named_datasets, train_first, warn_unsupported
from srbench.runs.request import record_request
from srbench.system.locks import hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from srbench.catalog.catalog import Catalog
    from srbench.execution.executor import Executor
    from srbench.execution.jobs import Cell
    from srbench.results.rows import Row
    from srbench.runs.plan import Task
    from srbench.runs.request import Request
    from srbench.system.terminal import UI

QUIET_S = 5.0
"""Without news for so long, the executor is asked whether it still works."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the parts that failed with their reasons, and the seconds spent by kind of work."""

    failed: tuple[str, ...]
    seconds: dict[str, float]


def run(request: Request, catalog: Catalog, ui: UI) -> Outcome:
    """Score and time what was asked and is not yet there.

    Raises:
        UsageError: a name, scale or combination does not exist; nothing was started.
        SRBenchError: the run cannot be done at all (no device, output folder not writable or in use).
        KeyboardInterrupt: stopped by the user; what was done is saved.
    """
    methods = list({catalog.models[name].name: catalog.models[name] for name in request.methods}.values())
    metrics = list({catalog.metrics[name].name: catalog.metrics[name] for name in request.metrics}.values())
    protocols = [get_protocol(protocol) for protocol in request.protocols]
    how = get_degradation(request.degradation)
    check_place(request, catalog)
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
    with hold(request.out):
        sets = [prepare(asked, spec, name, scale, ui, how) for asked, spec, name in specs for scale in request.scales]
        train_first(request, catalog, methods, ui)
        weights = choose_weights(request, catalog, methods, ui)
        missing = missing_backbones(metrics, ui)
        with (
            closing(ResultsFile(request.out / "results.jsonl")) as results,
            open_executor(request, catalog) as executor,
        ):
            places = {method.name: executor.environment(method.name) for method in methods}
            environment = next(iter(places.values()))
            recorded = record_request(request, catalog, list(dict.fromkeys(images.asked for images in sets)))
            asked = catalog, methods, metrics, sets, protocols, weights
            write_run_file(request.out, request.command, recorded, environment, *asked)
            devices = {method: place["device"] for method, place in places.items()}
            plan = Plan(request, catalog, methods, metrics, sets, weights, missing, devices)
            plan.read(read_rows(results.path))
            outcome = _Run(plan, results, executor, ui).go()
        add_seconds(request.out, outcome.seconds)
        return outcome


def events_of(
    executor: Executor, tasks: Iterable[Task], wanted: Callable[[Task], bool], *, timed: bool = False
) -> Iterator[tuple[Task, Row]]:
    """Keep as many jobs with an executor as it has room for, and yield what they find as it comes.

    Args:
        executor: runs the jobs.
        tasks: the jobs in their order.
        wanted: asked of each task when its turn comes; one that is not wanted any more ends at once.
        timed: the jobs measure time: only so many run at once as do not disturb each other.

    Yields:
        A task and an event of its job; the last is ``{"end": reason}``, the reason empty where the job succeeded.

    Raises:
        SRBenchError: the executor works no more.
    """
    waiting = iter(tasks)
    numbers = itertools.count()
    running: dict[int, tuple[Task, Future[None]]] = {}
    news: queue.SimpleQueue[tuple[int, Row | None]] = queue.SimpleQueue()
    while True:
        while len(running) < executor.room(timed=timed) and (task := next(waiting, None)):
            if not wanted(task):
                yield task, {"end": ""}
                continue
            number = next(numbers)
            future = executor.submit(task.job, partial(_tell, news, number))
            running[number] = task, future
            future.add_done_callback(partial(_tell_end, news, number))
        if not running:
            return
        try:
            number, event = news.get(timeout=QUIET_S)
        except queue.Empty:
            executor.check()
            continue
        task, future = running[number]
        if event is None:
            del running[number]
            error = future.exception()
            if error is not None and not isinstance(error, JobFailedError):
                raise error
            event = {"end": str(error or "")}
        yield task, event


def _tell(news: queue.SimpleQueue[tuple[int, Row | None]], number: int, event: Row) -> None:
    news.put((number, event))


def _tell_end(news: queue.SimpleQueue[tuple[int, Row | None]], number: int, _: Future[None]) -> None:
    news.put((number, None))


@dataclass
class _Run:
    """One run: what is left to do, the loop over jobs, and the rows that come of it."""

    plan: Plan
    results: ResultsFile
    executor: Executor
    ui: UI
    failures: dict[Part, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def go(self) -> Outcome:
        todo = self._begin()
        scores, speeds = list(self.plan.score_tasks(todo)), self.plan.speed_tasks()
        if steps := sum(len(task.job.images) for task in scores) + len(speeds):
            with self.ui.track("scoring", steps) as advance:
                self._score(scores, advance)
                for part in todo:
                    if part not in self.failures:
                        self._end(part, "ok", "")
                self._measure(speeds, advance)
        elif not self.failures:
            self.ui.note("nothing to do: everything asked for is already there (--force scores it again)")
        return Outcome(tuple(f"{part}: {reason}" for part, reason in self.failures.items()), dict(self.seconds))

    def _begin(self) -> dict[Part, dict[str, list[Cell]]]:
        """Return the cells still to score, by part and image; record parts that need no work."""
        todo = {}
        for images in self.plan.sets:
            for method in self.plan.methods:
                part = Part(method.name, images.name, images.scale)
                if reason := self.plan.unsupported(method, images.scale):
                    self._end(part, "unsupported", reason)
                elif images.fault:
                    self._fail(part, images.fault)
                else:
                    pending, notes = self.plan.pending(images, method)
                    for row in notes:
                        self.results.append(row)
                    if pending:
                        todo[part] = pending
                        self._job_row(part, "started", "")
                    else:
                        self._end(part, "ok", "")
        return todo

    def _wanted(self, task: Task) -> bool:
        """Say whether none of a task's parts failed before."""
        return not any(part in self.failures for part in task.parts)

    def _score(self, tasks: Iterable[Task], advance: Callable[[str], None]) -> None:
        """Run jobs and write what they find; a part that failed is not tried on."""
        seen: Counter[int] = Counter()
        for task, event in events_of(self.executor, tasks, self._wanted):
            (part,) = task.parts
            if "cell" in event:
                self._cell_row(event)
            elif "image" in event:
                seen[id(task)] += 1
                if event["saved"]:
                    self.results.append({**self.plan.picture(part, event["image"]), "time": now()})
                advance(f"{part} {event['image']}")
            elif "end" in event:
                if event["end"]:
                    self._fail(part, event["end"])
                for _ in range(len(task.job.images) - seen.pop(id(task), 0)):
                    advance("")
            else:
                self._spent(event)

    def _measure(self, tasks: Iterable[Task], advance: Callable[[str], None]) -> None:
        """Measure methods' speed, of those that did not fail at this scale already."""
        for task, event in events_of(self.executor, tasks, self._wanted, timed=True):
            if "speed" in event:
                self.results.append({**task.row, **event["speed"], "time": now()})
            elif "end" in event:
                for part in task.parts if event["end"] else ():
                    self._fail(part, f"speed: {event['end']}")
                advance(f"{task.job.method} x{task.job.scale} speed")
            else:
                self._spent(event)

    def _spent(self, event: Row) -> None:
        for name, seconds in event["seconds"].items():
            self.seconds[name] += seconds

    def _cell_row(self, event: Row) -> None:
        row = {**self.plan.identities[event["cell"]], "value": encode_value(event["value"]), "reason": event["reason"]}
        row |= {name: event[name] for name in ("missing", "tile") if event.get(name)}
        self.results.append({**row, "time": now()})

    def _fail(self, part: Part, reason: str) -> None:
        """Record that a part failed, once: jobs of it that were under way may fail after it."""
        if part not in self.failures:
            self.failures[part] = reason
            self.ui.warn(f"{part} failed: {reason}")
            self._job_row(part, "failed", reason)

    def _end(self, part: Part, status: str, reason: str) -> None:
        """Record how a method ended on a dataset, unless the last row says so already."""
        if not self.plan.has_status(self.plan.job_row(part, status)):
            self._job_row(part, status, reason)

    def _job_row(self, part: Part, status: str, reason: str) -> None:
        row = self.plan.job_row(part, status)
        self.plan.note_status(row)
        images = len(self.plan.images(part).pairs)
        self.results.append({**row, "reason": reason, "images": images, "time": now()})
