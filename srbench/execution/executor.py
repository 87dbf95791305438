"""What runs jobs.

Executors follow ``concurrent.futures``: ``submit`` returns a Future that ends with None or `JobFailedError`. What a job
finds is handed to ``emit`` while it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from srbench.errors import SRBenchError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from srbench.execution.jobs import Emit, Job


class JobFailedError(SRBenchError):
    """A job ended without its result; says why in one line."""


class Executor(Protocol):
    """Runs jobs."""

    def environment(self, method: str = "") -> dict[str, Any]:
        """Describe where jobs run, or those of one method: device, versions."""

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


def settle(message: dict[str, Any], emit: Emit) -> bool:
    """Handle one message of a job; True when it was the last.

    Raises:
        JobFailedError: the job failed.
    """
    if "seconds" in message:
        emit({"seconds": message["seconds"]})
    if "failed" in message:
        raise JobFailedError(message["failed"])
    if "done" in message:
        return True
    emit(message)
    return False
