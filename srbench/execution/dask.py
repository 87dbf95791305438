"""Jobs on a Dask cluster: an existing one, by its scheduler's address, or a local one.

A Dask worker runs jobs in srbench worker processes, which persist between jobs; a crash, a hang or too much memory
costs the job, not the Dask worker. If a Dask worker is lost, Dask reassigns its jobs, up to
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
from srbench.execution.events import Remarked, SpeedMeasured, encode
from srbench.execution.executor import JobFailedError
from srbench.execution.jobs import Job
from srbench.execution.remote import (
    OtherWorkerError,
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
"""Seconds that a run waits for a first worker, or for a new one if the last was lost."""
IDLE_S = 600
"""Seconds after which a Dask worker ends an idle srbench process, in case a run ends without a shutdown."""
CLOSE_S = 20
COUNT_S = 2.0
AHEAD = 2
"""Jobs submitted per thread of the cluster, so that no thread waits for its next job."""
LOST = (OSError, CancelledError, ClosedClientError)
"""Exceptions of Dask when its scheduler is gone."""
RESUME = "finished rows are saved; the same command with the same --out resumes"


class WarmWorkers(WorkerPlugin):
    """The srbench worker processes of one Dask worker: one per thread busy with a job."""

    def __init__(self, name: str, terms: str) -> None:
        self.name = name
        self.terms = terms

    def setup(self, worker: Worker) -> None:
        """Start without processes."""
        self.log = Path(worker.local_directory) / f"{self.name}.log"
        self.idle: list[tuple[WorkerExecutor, threading.Timer]] = []
        self.busy: set[WorkerExecutor] = set()
        self.lock = threading.Lock()

    def teardown(self, worker: Worker) -> None:
        """End all processes."""
        with self.lock:
            for executor, timer in self.idle:
                timer.cancel()
                executor.shutdown()
            for executor in self.busy:
                executor.shutdown()
            self.idle.clear()

    @contextlib.contextmanager
    def lend(self) -> Iterator[WorkerExecutor]:
        """Lend an idle worker process, or a new one."""
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
            remaining = [pair for pair in self.idle if pair[0] is not executor]
            if len(remaining) == len(self.idle):  # it has been lent again
                return
            self.idle = remaining
        executor.shutdown()


def _warm(worker: Worker, plugin: str) -> WarmWorkers:
    return cast("WarmWorkers", worker.plugins[plugin])


async def describe(plugin: str, dask_worker: Worker) -> dict[str, Any]:
    """Return the encoded environment of a Dask worker; `Client.run` requires the name ``dask_worker``."""

    def look() -> dict[str, Any]:
        with _warm(dask_worker, plugin).lend() as executor:
            return encode(environment(executor))

    return await asyncio.to_thread(look)


def run_job(plugin: str, job: str, device: str) -> list[dict[str, Any]]:
    """Run a job on the current Dask worker, and return its encoded events."""
    with _warm(get_worker(), plugin).lend() as executor:
        return answer(executor, Job.from_json(job), device)


class DaskExecutor:
    """Runs jobs on the workers of a Dask cluster.

    Args:
        terms: settings shared by all jobs.
        scheduler: address of the scheduler; empty starts a local cluster.
        workers: number of workers of the local cluster.

    Raises:
        SRBenchError: no scheduler answers at the address.
    """

    def __init__(self, terms: Terms, scheduler: str = "", workers: int = 1) -> None:
        for logger in ("distributed", "distributed.client"):  # errors report what matters
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        self._where = f"the Dask cluster at {scheduler}" if scheduler else "the local Dask cluster"
        self._name = f"srbench-{uuid.uuid4().hex[:12]}"
        self._terms = terms
        self._machine: Environment | None = None
        self._running: dict[str, distributed.Future[Any]] = {}
        self._refused: set[str] = set()
        """Addresses of workers that are not like the one the run was started on."""
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
        """Start a process on each worker, and return their common environment.

        Raises:
            SRBenchError: there is no worker, a worker cannot run jobs, or their devices differ.
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
        """Return twice the number of the cluster's threads; 1 for timed jobs, which run alone."""
        if timed:
            return 1
        if time.monotonic() - self._counted > COUNT_S:  # clusters grow and shrink
            with self._reaching():
                self._threads = max(1, sum(self._client.nthreads().values()))
            self._counted = time.monotonic()
        return AHEAD * self._threads

    def submit(self, job: Job, emit: Emit) -> Future[None]:
        """Submit a job to the cluster.

        Raises:
            SRBenchError: the cluster was lost.
        """
        done: Future[None] = Future()
        self._send(job, emit, done)
        return done

    def _send(self, job: Job, emit: Emit, done: Future[None]) -> None:
        key = f"srbench-{uuid.uuid4().hex}"
        with self._reaching():
            busy = self._busy_hosts() if job.speed is not None else set()
            device = self.environment().device
            workers = sorted(self._client.nthreads().keys() - self._refused) if self._refused else None
            far = self._client.submit(run_job, self._name, job.to_json(), device, key=key, pure=False, workers=workers)
        self._running[key] = far
        far.add_done_callback(lambda far: self._settle(far, job, emit, done, busy))

    def _settle(self, far: distributed.Future[Any], job: Job, emit: Emit, done: Future[None], busy: set[str]) -> None:
        try:
            events = decode_answer(far.result(), self.environment())
            pass_all(self._marked(events, far, busy), emit)
        except OtherWorkerError as error:
            self._refuse(far, job, emit, done, error)
        except JobFailedError as error:
            done.set_exception(error)
        except KilledWorker as error:
            lost = f"{error.allowed_failures + 1} workers were lost while they ran it"
            done.set_exception(JobFailedError(Failure(Code.LOST, f"{lost}, the last at {error.last_worker.address}")))
        except LOST:
            done.set_exception(self._lost())
        except Exception as error:  # noqa: BLE001  (workers of other versions may send anything)
            done.set_exception(JobFailedError(Failure(Code.FAILED, say(error))))
        else:
            done.set_result(None)
        finally:
            self._running.pop(str(far.key), None)

    def _refuse(
        self, far: distributed.Future[Any], job: Job, emit: Emit, done: Future[None], error: OtherWorkerError
    ) -> None:
        """Drop an answer, and give the job to a worker that is not refused."""
        try:
            with self._reaching():
                holders = {address for addresses in self._client.who_has([far]).values() for address in addresses}
                rest = self._client.nthreads().keys() - self._refused - holders
            if not (holders and rest):
                done.set_exception(JobFailedError(Failure(error.code, f"{error}; {self._where} has no other worker")))
                return
            self._refused |= holders
            emit(Remarked("workers", f"answers of worker {', '.join(sorted(holders))} are refused: {error}"))
            self._send(job, emit, done)
        except SRBenchError as lost:
            done.set_exception(lost)

    def _marked(self, events: list[Event], far: distributed.Future[Any], busy: set[str]) -> list[Event]:
        """Mark timings taken while other work of the cluster ran on the same machine."""
        if not any(isinstance(event, SpeedMeasured) for event in events):
            return events
        hosts = {
            get_address_host(address) for addresses in self._client.who_has([far]).values() for address in addresses
        }
        if not hosts & (busy | self._busy_hosts()):
            return events
        return mark_shared(events, f"other work of {self._where} on {', '.join(sorted(hosts))}")

    def _busy_hosts(self) -> set[str]:
        """Return the machines on which the cluster runs other work."""
        processing = self._client.processing()
        return {get_address_host(worker) for worker, keys in processing.items() if set(keys) - self._running.keys()}

    def check(self) -> None:
        """Check that the scheduler answers, and has had a worker recently.

        Raises:
            SRBenchError: it does not answer, or has had no worker for `WORKERLESS_S`.
        """
        with self._reaching():
            workers = self._client.nthreads()
        if workers:
            self._workerless_since = None
        elif self._workerless_since is None:
            self._workerless_since = time.monotonic()
        elif time.monotonic() - self._workerless_since > WORKERLESS_S:
            raise SRBenchError(f"{self._where} has had no worker for {WORKERLESS_S} s; {RESUME}")

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        """Raise an error that names the cluster if the scheduler is lost."""
        try:
            if self._client.status != "running":
                raise ClosedClientError
            yield
        except LOST as error:
            raise self._lost() from error

    def _lost(self) -> SRBenchError:
        return SRBenchError(f"{self._where} was lost; {RESUME}")

    def shutdown(self) -> None:
        """Cancel pending jobs, and end all processes and the local cluster."""
        with contextlib.suppress(*LOST, ValueError):  # a lost cluster cannot be stopped
            if self._client.status == "running":
                self._client.cancel(list(self._running.values()), force=True)
                self._client.unregister_worker_plugin(self._name)
        self._client.close(timeout=CLOSE_S)
        if self._cluster is not None:
            self._cluster.close(timeout=CLOSE_S)
