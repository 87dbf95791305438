"""The interface of executors, which run jobs.

As in ``concurrent.futures``, ``submit`` returns a Future; its result is None, or `JobFailedError` is raised. A job's
events are passed to ``emit`` while it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from srbench.errors import Failure, SRBenchError
from srbench.execution.events import JobDone, JobFailed, MetricsBegun

if TYPE_CHECKING:
    from concurrent.futures import Future

    from srbench.execution.events import Emit, Environment, Event
    from srbench.execution.jobs import Job


class JobFailedError(SRBenchError):
    """A job failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason, failure.code)
        self.failure = failure


class Executor(Protocol):
    """Runs jobs."""

    def environment(self, method: str = "") -> Environment:
        """Return the environment in which jobs, or the jobs of one method, run."""

    def room(self, *, timed: bool) -> int:
        """Return how many jobs to submit at once; if ``timed``, how many can run without disturbing each other."""

    def submit(self, job: Job, emit: Emit) -> Future[None]:
        """Queue a job."""

    def check(self) -> None:
        """Check that submitted jobs can still end.

        Raises:
            SRBenchError: they cannot; the executor has failed.
        """

    def shutdown(self) -> None:
        """Stop at once, and drop queued jobs."""


def pass_on(event: Event, emit: Emit) -> bool:
    """Pass an event of a job to the run; return whether it was the last.

    Raises:
        JobFailedError: the job failed.
    """
    if isinstance(event, JobFailed):
        raise JobFailedError(event.failure)
    if isinstance(event, JobDone):
        return True
    if not isinstance(event, MetricsBegun):  # of concern to the executor alone
        emit(event)
    return False
