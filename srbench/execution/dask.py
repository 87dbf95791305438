"""Jobs on a Dask cluster: one that is up, at its scheduler's address, or one of a few workers in this process.

A Dask worker runs jobs in worker processes of srbench's, which stay warm from job to job; what crashes, hangs or hoards
costs its job and not the Dask worker. One that is lost is Dask's own affair: it gives the job to another, up to
`distributed.scheduler.allowed-failures` times.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import uuid
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from distributed import Client, LocalCluster, WorkerPlugin, get_worker
from distributed.client import ClosedClientError
from distributed.comm.addressing import get_address_host
from distributed.scheduler import KilledWorker

from srbench.errors import Code, Failure, SRBenchError, reason_of, say
from srbench.execution.events import SpeedMeasured, encode
from srbench.execution.executor import JobFailedError
from srbench.execution.jobs import Job
from srbench.execution.remote import (
    Terms,
    answer,
    decode_answer,
    decode_machine,
    environment,
    mark_shared,
    one_kind,
    pass_all,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import distributed
    from distributed import Worker

    from srbench.execution.events import Emit, Environment, Event
    from srbench.execution.local import WorkerExecutor

CONNECT_S = 20
WORKERLESS_S = 300
"""How long a run waits for a first worker, or for another where the last one was lost."""
IDLE_S = 600
"""How long a Dask worker keeps an idle process of srbench's, should a run end without saying so."""
CLOSE_S = 20
COUNT_S = 2.0
AHEAD = 2
"""Jobs per thread of the cluster: the next one is there when one ends."""
LOST = (OSError, CancelledError, ClosedClientError)
"""What Dask raises where its scheduler is gone."""
GOES_ON = "what is done is saved, and the same command on the same --out goes on"


class WarmWorkers(WorkerPlugin):
    """The processes of srbench's on one Dask worker: as many as it has threads busy with jobs."""

    def __init__(self, name: str, terms: str) -> None:
        self.name = name
        self.terms = terms

    def setup(self, worker: Worker) -> None:
        """Begin with none."""
        self.log = Path(worker.local_directory) / f"{self.name}.log"
        self.idle: list[tuple[WorkerExecutor, threading.Timer]] = []
        self.busy: set[WorkerExecutor] = set()
        self.lock = threading.Lock()

    def teardown(self, worker: Worker) -> None:
        """End all."""
        with self.lock:
            for executor, timer in self.idle:
                timer.cancel()
                executor.shutdown()
            for executor in self.busy:
                executor.shutdown()
            self.idle.clear()

    @contextlib.contextmanager
    def one(self) -> Iterator[WorkerExecutor]:
        """Lend one that is free, or a new one."""
        with self.lock:
            if self.idle:
                executor, timer = self.idle.pop()
                timer.cancel()
            else:
                executor = Terms.from_json(self.terms).executor(self.log)
            self.busy.add(executor)
        try:
            yield executor
        finally:
            timer = threading.Timer(IDLE_S, self._forget, [executor])
            timer.daemon = True
            with self.lock:
                self.busy.discard(executor)
                self.idle.append((executor, timer))
                timer.start()

    def _forget(self, executor: WorkerExecutor) -> None:
        with self.lock:
            kept = [pair for pair in self.idle if pair[0] is not executor]
            if len(kept) == len(self.idle):  # it was lent again in the meantime
                return
            self.idle = kept
        executor.shutdown()


def _warm(worker: Worker, plugin: str) -> WarmWorkers:
    return cast("WarmWorkers", worker.plugins[plugin])


async def describe(plugin: str, dask_worker: Worker) -> dict[str, Any]:
    """Describe the machine of a Dask worker, encoded; `Client.run` passes it by this name."""

    def look() -> dict[str, Any]:
        with _warm(dask_worker, plugin).one() as executor:
            return encode(environment(executor))

    return await asyncio.to_thread(look)


def run_job(plugin: str, job: str, device: str) -> list[dict[str, Any]]:
    """Run a job on the Dask worker that this is called on, and return its events, encoded."""
    with _warm(get_worker(), plugin).one() as executor:
        return answer(executor, Job.from_json(job), device)


class DaskExecutor:
    """Runs jobs on the workers of a Dask cluster.

    Args:
        terms: what holds for all jobs.
        scheduler: its address; empty for workers in this process, which work in processes of their own as any do.
        workers: how many those are.

    Raises:
        SRBenchError: no scheduler answers there.
    """

    def __init__(self, terms: Terms, scheduler: str = "", workers: int = 1) -> None:
        for logger in ("distributed", "distributed.client"):  # what matters of it is said in errors
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        self._where = f"the Dask cluster at {scheduler}" if scheduler else "the local Dask cluster"
        self._name = f"srbench-{uuid.uuid4().hex[:12]}"
        self._terms = terms
        self._machine: Environment | None = None
        self._running: dict[str, distributed.Future[Any]] = {}
        self._threads, self._counted = 1, 0.0
        self._workerless_since: float | None = None
        self._cluster: LocalCluster | None = None
        try:
            if not scheduler:
                self._cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=False,  # the jobs' own processes isolate them
                    dashboard_address="127.0.0.1:0",  # Dask starts it in any case
                    silence_logs=logging.CRITICAL,
                )
            self._client = Client(self._cluster or scheduler, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise SRBenchError(f"{self._where} does not answer ({reason_of(error)})") from error

    def environment(self, method: str = "") -> Environment:
        """Start a process on each worker and return what they have in common, whatever the method.

        Raises:
            SRBenchError: there is no worker, one cannot run jobs, or they are of several kinds.
        """
        if self._machine is not None:
            return self._machine
        try:
            self._client.wait_for_workers(1, timeout=WORKERLESS_S)
            self._client.register_plugin(WarmWorkers(self._name, self._terms.to_json()), self._name)
            machines = self._client.run(describe, self._name, on_error="return").values()
        except TimeoutError as error:
            raise SRBenchError(f"{self._where} has no worker") from error
        except ImportError as error:
            raise SRBenchError(f"a worker of {self._where} cannot run jobs: {error}; install srbench there") from error
        except LOST as error:
            raise self._lost() from error
        self._machine = one_kind(decode_machine(machine) for machine in machines if isinstance(machine, dict))
        return self._machine

    def room(self, *, timed: bool) -> int:
        """Return twice the number of the cluster's threads; 1 for what is timed: nothing of ours runs beside it."""
        if timed:
            return 1
        if time.monotonic() - self._counted > COUNT_S:  # clusters grow and shrink
            with self._reaching():
                self._threads = max(1, sum(self._client.nthreads().values()))
            self._counted = time.monotonic()
        return AHEAD * self._threads

    def submit(self, job: Job, emit: Emit) -> Future[None]:
        """Give a job to the cluster.

        Raises:
            SRBenchError: it was lost.
        """
        done: Future[None] = Future()
        key = f"srbench-{uuid.uuid4().hex}"
        with self._reaching():
            busy = self._busy_hosts() if job.speed is not None else set()
            device = self.environment().device
            far = self._client.submit(run_job, self._name, job.to_json(), device, key=key, pure=False)
        self._running[key] = far
        far.add_done_callback(lambda far: self._settle(far, emit, done, busy))
        return done

    def _settle(self, far: distributed.Future[Any], emit: Emit, done: Future[None], busy: set[str]) -> None:
        try:
            pass_all(self._marked(decode_answer(far.result()), far, busy), emit)
        except JobFailedError as error:
            done.set_exception(error)
        except KilledWorker as error:
            lost = f"{error.allowed_failures + 1} workers were lost while they ran it"
            done.set_exception(JobFailedError(Failure(Code.LOST, f"{lost}, the last at {error.last_worker.address}")))
        except LOST:
            done.set_exception(self._lost())
        except Exception as error:  # noqa: BLE001  (what a worker of another make may send)
            done.set_exception(JobFailedError(Failure(Code.FAILED, say(error))))
        else:
            done.set_result(None)
        finally:
            self._running.pop(str(far.key), None)

    def _marked(self, events: list[Event], far: distributed.Future[Any], busy: set[str]) -> list[Event]:
        """Mark a timing beside which other work of the cluster ran on the same machine, when it began or ended."""
        if not any(isinstance(event, SpeedMeasured) for event in events):
            return events
        hosts = {
            get_address_host(address) for addresses in self._client.who_has([far]).values() for address in addresses
        }
        if not hosts & (busy | self._busy_hosts()):
            return events
        return mark_shared(events, f"other work of {self._where} on {', '.join(sorted(hosts))}")

    def _busy_hosts(self) -> set[str]:
        """Return the machines on which the cluster runs what is not ours."""
        processing = self._client.processing()
        return {get_address_host(worker) for worker, keys in processing.items() if set(keys) - self._running.keys()}

    def check(self) -> None:
        """See whether the scheduler is there, and has had a worker lately.

        Raises:
            SRBenchError: it is not, or has had none for minutes.
        """
        with self._reaching():
            workers = self._client.nthreads()
        if workers:
            self._workerless_since = None
        elif self._workerless_since is None:
            self._workerless_since = time.monotonic()
        elif time.monotonic() - self._workerless_since > WORKERLESS_S:
            raise SRBenchError(f"{self._where} has had no worker for {WORKERLESS_S} s; {GOES_ON}")

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        """Say that the scheduler is lost where what is asked of it fails."""
        try:
            if self._client.status != "running":
                raise ClosedClientError
            yield
        except LOST as error:
            raise self._lost() from error

    def _lost(self) -> SRBenchError:
        return SRBenchError(f"{self._where} was lost; {GOES_ON}")

    def shutdown(self) -> None:
        """Take back what has not ended, and end what was started."""
        with contextlib.suppress(*LOST, ValueError):  # what is lost cannot be told to stop
            if self._client.status == "running":
                self._client.cancel(list(self._running.values()), force=True)
                self._client.unregister_worker_plugin(self._name)
        self._client.close(timeout=CLOSE_S)
        if self._cluster is not None:
            self._cluster.close(timeout=CLOSE_S)
