"""Submit the jobs of tasks to an executor, and tell what happens as it happens."""

from __future__ import annotations

import itertools
import queue
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from srbench.execution.executor import JobFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from srbench.errors import Failure
    from srbench.execution.events import Event
    from srbench.execution.executor import Executor
    from srbench.runs.plan import Task

QUIET_S = 5.0
"""Seconds without an event after which the executor's health is checked."""


@dataclass(frozen=True)
class End:
    """The end of a task; without a failure it succeeded."""

    failure: Failure | None = None


def events_of(
    executor: Executor, tasks: Iterable[Task], is_needed: Callable[[Task], bool], *, timed: bool = False
) -> Iterator[tuple[Task, Event | End]]:
    """Submit jobs while the executor has room, and yield their events as they arrive.

    Args:
        executor: runs the jobs.
        tasks: the jobs in order.
        is_needed: called before a task is submitted; a task that is no longer needed ends at once.
        timed: whether the jobs measure time; then only as many run at once as do not disturb each other.

    Yields:
        A task and an event of its job; the last is an `End`.

    Raises:
        SRBenchError: the executor has failed.
    """
    waiting = iter(tasks)
    numbers = itertools.count()
    running: dict[int, tuple[Task, Future[None]]] = {}
    arrived: queue.SimpleQueue[tuple[int, Event | None]] = queue.SimpleQueue()
    while True:
        while len(running) < executor.room(timed=timed) and (task := next(waiting, None)):
            if not is_needed(task):
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
