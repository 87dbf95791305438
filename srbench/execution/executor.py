"""What runs jobs.

Executors follow ``concurrent.futures``: ``submit`` returns a Future that ends with None or `JobFailedError`. The events
of a job are handed to ``emit`` while it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from srbench.errors import Failure, SRBenchError
from srbench.execution.events import JobDone, JobFailed

if TYPE_CHECKING:
    from concurrent.futures import Future

    from srbench.execution.events import Emit, Environment, Event
    from srbench.execution.jobs import Job


class JobFailedError(SRBenchError):
    """A job ended without its result."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason, failure.code)
        self.failure = failure


class Executor(Protocol):
    """Runs jobs."""

    def environment(self, method: str = "") -> Environment:
        """Return where jobs run, or the jobs of one method."""

    def room(self, *, timed: bool) -> int:
        """Return how many jobs are worth submitting at once; of those that measure time, as many as do not collide."""

    def submit(self, job: Job, emit: Emit) -> Future[None]:
        """Queue a job."""

    def check(self) -> None:
        """See whether submitted jobs can still end.

        Raises:
            SRBenchError: they cannot.
        """

    def shutdown(self) -> None:
        """Stop at once, dropping what is queued."""


def pass_on(event: Event, emit: Emit) -> bool:
    """Hand an event of a job to the run; return whether it was the last.

    Raises:
        JobFailedError: the job failed.
    """
    if isinstance(event, JobFailed):
        raise JobFailedError(event.failure)
    if isinstance(event, JobDone):
        return True
    emit(event)
    return False
