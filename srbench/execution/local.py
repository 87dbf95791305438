"""Run jobs on this machine: in a worker process (the default), or in this process (for debugging)."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

from srbench.errors import Code, Failure, SRBenchError, counted
from srbench.execution.events import Environment, JobFailed, MetricsBegun, Remarked, decode
from srbench.execution.executor import JobFailedError, pass_on
from srbench.execution.worker import Worker, run_and_report
from srbench.store.hashes import own_code
from srbench.system.child import Child, Exit

if TYPE_CHECKING:
    from pathlib import Path

    from srbench.execution.events import Emit
    from srbench.execution.jobs import Job, Session

POLL_S = 0.05
METRICS_S = 600.0
"""Seconds that metrics may take for an image where the method's limit is shorter: the first one loads networks."""


class OneAtATime:
    """Base of executors that run one job at a time on this machine."""

    def room(self, *, timed: bool) -> int:
        """Return 1."""
        return 1

    def check(self) -> None:
        """Do nothing: local executors cannot be lost."""


class InlineExecutor(OneAtATime):
    """Runs each job in this process on submission: no timeout, no memory limit, and a crash ends the run."""

    def __init__(self, session: Session) -> None:
        self.worker = Worker(session)

    def environment(self, method: str = "") -> Environment:
        """Return the environment of this process."""
        return self.worker.environment()

    def submit(self, job: Job, emit: Emit) -> Future[None]:
        """Run a job now."""
        future: Future[None] = Future()
        try:
            run_and_report(self.worker, job, lambda event: pass_on(event, emit))
            future.set_result(None)
        except JobFailedError as error:
            future.set_exception(error)
        return future

    def shutdown(self) -> None:
        """Do nothing: no job is running."""


class WorkerExecutor(OneAtATime):
    """Runs jobs in one persistent worker process, which is restarted if it dies or is killed.

    Args:
        session: device, threads and plugin files.
        log: file for the worker's standard error.
        timeout_s: seconds without an event of a job after which the worker is killed; 0 for no limit.
        max_memory: resident memory in bytes above which the worker is killed; 0 for no limit.
    """

    def __init__(self, session: Session, log: Path, timeout_s: float = 0, max_memory: int = 0) -> None:
        self._session = session
        self._log = log
        self._timeout_s = timeout_s
        self._max_memory = max_memory
        self._process: Child | None = None
        self._first: Environment | None = None
        self._stopped = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="srbench-jobs")

    def environment(self, method: str = "") -> Environment:
        """Start the worker and return its environment.

        Raises:
            SRBenchError: the worker cannot be started, or there is no such device.
        """
        return self._thread.submit(lambda: self._environment(self._started())).result()

    def submit(self, job: Job, emit: Emit) -> Future[None]:
        """Queue a job for the worker."""
        return self._thread.submit(self._run, job, emit)

    def shutdown(self) -> None:
        """Kill the worker and drop queued jobs."""
        self._stopped = True
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._process:
            self._process.kill()
        self._thread.shutdown(wait=True)

    def _started(self) -> Child:
        if self._process is None or not self._process.alive():
            if self._process is not None:
                self._process.kill()
            self._process = Child("srbench.execution.worker", asdict(self._session), self._log)
            environment = self._environment(self._process)
            self._first = self._first or environment
            if environment != self._first or environment.source != own_code():
                raise SRBenchError("srbench or a library was changed while it was running; the same command goes on")
        return self._process

    def _environment(self, process: Child) -> Environment:
        environment = decode(process.greeting)
        if not isinstance(environment, Environment):
            raise SRBenchError(f"the worker did not report its environment; see {self._log}")
        return environment

    def _run(self, job: Job, emit: Emit) -> None:
        process = self._started()
        process.send(job.to_json())
        last_event, limit_s = time.monotonic(), self._timeout_s
        while True:
            answer = process.receive(POLL_S)
            if answer is None:
                if (code := process.ended()) is not None:  # a child of it may still hold the pipe
                    raise self._ended(Exit(code))
                if self._timeout_s and time.monotonic() - last_event > limit_s:
                    process.kill()
                    subject = "no result" if limit_s == self._timeout_s else "no value of a metric"
                    reason = f"timed out: {subject} for {limit_s:g} s (--timeout)"
                    raise JobFailedError(Failure(Code.TIMED_OUT, reason))
            elif isinstance(answer, Exit):
                raise self._ended(answer)
            else:
                last_event = time.monotonic()
                event = decode(answer)
                is_scoring = isinstance(event, MetricsBegun)
                limit_s = max(self._timeout_s, METRICS_S) if is_scoring else self._timeout_s
                if isinstance(event, JobFailed) and event.fatal:
                    process.kill()
                if pass_on(event, emit):
                    if strays := process.take_strays():
                        emit(Remarked("process", f"{counted(strays, 'answer')} of no job or of an earlier one dropped"))
                    return
            self._check_memory(process)

    def _check_memory(self, process: Child) -> None:
        if self._max_memory and (used := process.memory(self._max_memory)) > self._max_memory:
            process.kill()
            reason = (
                f"used too much memory: {used / 2**20:.0f} MiB, more than the {self._max_memory / 2**20:.0f} MiB "
                "allowed (--max-memory)"
            )
            raise JobFailedError(Failure(Code.OUT_OF_MEMORY, reason))

    def _ended(self, end: Exit) -> JobFailedError:
        if self._stopped:
            return JobFailedError(Failure(Code.STOPPED, "stopped"))
        return JobFailedError(Failure(Code.OUT_OF_MEMORY if end.is_killed else Code.CRASHED, end.reason))
