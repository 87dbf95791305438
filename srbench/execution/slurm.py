"""Jobs through submitit: on SLURM, several jobs per cluster job; with ``cluster=local``, in processes on this machine.

The resources of a cluster job (partition, GPUs, time, memory) may differ by method. If a cluster job ends without an
answer, its jobs are submitted again, one per cluster job, up to three times; one that then runs out of time or memory
fails at once.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import threading
import time
import uuid
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import submitit

from srbench.errors import Code, Failure, SRBenchError, UsageError, reason_of, say
from srbench.execution.events import Remarked, encode
from srbench.execution.executor import JobFailedError
from srbench.execution.jobs import Job
from srbench.execution.remote import (
    OtherWorkerError,
    Terms,
    answer,
    decode_answer,
    decode_machine,
    environment,
    host,
    one_kind,
    pass_all,
)
from srbench.system.leftovers import claim, release
from srbench.system.trees import kill_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from srbench.execution.events import Emit, Environment
    from srbench.execution.local import WorkerExecutor

    Settings = Mapping[str, str]

POLL_S = 0.2
MOST_EACH = 12
"""Most jobs per cluster job, if there are more jobs than places: starting a process takes seconds."""
ATTEMPTS = 3
DEFAULT_MINUTES = 60
HOPELESS = {"TIMEOUT": Code.TIMED_OUT, "OUT_OF_MEMORY": Code.OUT_OF_MEMORY}
"""States of a cluster job that a retry would repeat."""
NAMES = {"gpus": "gpus_per_node", "cpus": "cpus_per_task"}


def parse_settings(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Parse ``[METHOD:]NAME=VALUE[,NAME=VALUE...]``; return resources by method, those of all methods under ``""``.

    Raises:
        UsageError: a text has another form.
    """
    settings: dict[str, dict[str, str]] = {"": {}}
    for text in texts:
        method, colon, pairs = text.partition("=")[0].rpartition(":")
        pairs = text.removeprefix(f"{method}{colon}")
        for pair in re.split(r",(?=[A-Za-z_-]+=)", pairs):
            name, equals, value = (part.strip() for part in pair.partition("="))
            if not (name and equals and value):
                raise UsageError(f"--slurm takes [METHOD:]NAME=VALUE[,NAME=VALUE...], not {text!r}")
            if name == "time":
                minutes(value)
            if name == "cpus" and not value.isdigit():
                raise UsageError(f"--slurm cpus={value}: must be a whole number")
            settings.setdefault(method, {})[name.replace("-", "_")] = value
    return settings


def minutes(text: str) -> int:
    """Return a time limit in minutes, from SLURM's minutes, ``H:MM:SS``, ``H:MM`` or ``D-HH:MM:SS``.

    Raises:
        UsageError: the text has another form.
    """
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d\d?))?(?::(\d\d?))?", text)
    if not match:
        raise UsageError(f"--slurm time={text}: write minutes, H:MM:SS or D-HH:MM:SS")
    days, first, second, third = (int(part or 0) for part in match.groups())
    if match[1] is None and match[3] is None:
        return max(1, first)
    return max(1, math.ceil(days * 24 * 60 + first * 60 + second + third / 60))


def describe(terms: str, folder: str) -> dict[str, Any]:
    """Return the encoded environment of the current machine."""
    with _executor(terms, folder) as executor:
        return encode(environment(executor))


def run_jobs(terms: str, folder: str, jobs: list[str], device: str) -> list[list[dict[str, Any]]]:
    """Run jobs one by one on the current machine, and return their encoded events."""
    with _executor(terms, folder) as executor:
        return [answer(executor, Job.from_json(job), device) for job in jobs]


@contextlib.contextmanager
def _executor(terms: str, folder: str) -> Iterator[WorkerExecutor]:
    executor = Terms.from_json(terms).executor(Path(folder) / f"worker-{host()}-{os.getpid()}.log")
    try:
        yield executor
    finally:
        executor.shutdown()


@dataclass(eq=False)
class _Order:
    """A queued job with its future."""

    job: Job
    emit: Emit
    done: Future[None]
    attempts: int = 0
    alone: bool = False


class SlurmExecutor:
    """Runs jobs as cluster jobs.

    Args:
        terms: settings shared by all jobs.
        settings: resources, as `parse_settings` returns them.
        folder: folder for submitit's files; on SLURM, shared by all nodes.
        places: most cluster jobs at once.

    Raises:
        SRBenchError: there is no SLURM on this machine.
    """

    def __init__(self, terms: Terms, settings: Mapping[str, Settings], folder: Path, places: int) -> None:
        self._terms = terms
        self._settings = settings
        self._folder = folder.absolute() / uuid.uuid4().hex[:8]
        self._places = places
        self._local = settings[""].get("cluster", "slurm") == "local"
        self._machines: dict[str, Environment] = {}
        """Environments by the resources of their cluster jobs."""
        self._waiting: list[_Order] = []
        self._running: dict[submitit.Job[Any], list[_Order]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._keeps_logs = False
        self._probes: list[submitit.Job[Any]] = []
        self._fault: Exception | None = None
        self._engines: dict[str, submitit.Executor] = {}
        self._engine("")  # fail early if there is no SLURM
        claim(self._folder)
        self._thread = threading.Thread(target=self._serve, name="srbench-slurm", daemon=True)
        self._thread.start()

    def _engine(self, method: str) -> submitit.Executor:
        """Return the submitit executor of a method."""
        if method not in self._engines:
            self._engines[method] = self._new_engine(method)
        return self._engines[method]

    def _new_engine(self, method: str) -> submitit.Executor:
        resources = dict(self._needs(method))
        resources.pop("cluster", None)
        limit = minutes(resources.pop("time", str(DEFAULT_MINUTES)))
        try:
            if self._local:
                engine: submitit.Executor = submitit.LocalExecutor(self._folder)
                engine.update_parameters(timeout_min=limit, gpus_per_node=int(resources.get("gpus", 0)))
                return engine
            engine = submitit.SlurmExecutor(self._folder)
            known = engine._valid_parameters()  # noqa: SLF001  (the rest are options of sbatch)
            named = {NAMES.get(name, name): _value(value) for name, value in resources.items()}
            own = {name: value for name, value in named.items() if name in known}
            more = {name.replace("_", "-"): value for name, value in named.items() if name not in known}
            threads = self._terms_of(method).session.threads
            engine.update_parameters(
                **{"job_name": "srbench", "cpus_per_task": threads, "time": limit, "additional_parameters": more} | own
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise SRBenchError(f"--executor slurm: {reason_of(error)}") from error
        else:
            return engine

    def _needs(self, method: str) -> dict[str, str]:
        return {**self._settings[""], **self._settings.get(method, {})}

    def _terms_of(self, method: str) -> Terms:
        """Return the terms with a fixed number of threads: as given, else the cores of a cluster job."""
        session, cpus = self._terms.session, self._needs(method).get("cpus", "")
        return replace(self._terms, session=replace(session, threads=session.threads or int(cpus or 1)))

    def environment(self, method: str = "") -> Environment:
        """Run a cluster job with a method's resources, and return its environment.

        Raises:
            SRBenchError: the cluster job could not be submitted or failed, or the machine cannot run jobs.
        """
        needs = str(sorted(self._needs(method).items()))
        if needs not in self._machines:
            job = self._submit(method, describe)
            self._probes.append(job)
            while not job.done():
                time.sleep(POLL_S)
            self._probes.remove(job)
            try:
                self._machines[needs] = one_kind([decode_machine(job.result())])
            except (submitit.core.utils.FailedJobError, submitit.core.utils.UncompletedJobError) as error:
                raise SRBenchError(
                    f"the first cluster job failed: {reason_of(error)[-300:]} (logs in {self._folder})"
                ) from error
        return self._machines[needs]

    def room(self, *, timed: bool) -> int:
        """Return how many jobs fill all places; for timed jobs 1 if all places share this machine's cores."""
        return 1 if timed and self._local else self._places * (1 if timed else MOST_EACH)

    def submit(self, job: Job, emit: Emit) -> Future[None]:
        """Queue a job; jobs that wait at the same time share cluster jobs."""
        order = _Order(job, emit, Future())
        with self._lock:
            self._waiting.append(order)
        return order.done

    def check(self) -> None:
        """Check that the thread that submits jobs is still running.

        Raises:
            SRBenchError: it failed.
        """
        if self._fault is not None:
            raise SRBenchError(f"--executor slurm: {say(self._fault)}") from self._fault

    def shutdown(self) -> None:
        """Cancel running jobs, and remove submitit's files unless a job failed."""
        self._stop.set()
        self._thread.join()
        for job in (*self._running, *self._probes):
            if self._local:
                kill_tree(int(job.job_id))
            else:
                with contextlib.suppress(OSError):  # without scancel they end by themselves
                    job.cancel(check=False)
        release(self._folder, keep=self._keeps_logs)

    def _submit(self, method: str, function: Callable[..., Any], *arguments: Any) -> submitit.Job[Any]:
        try:
            return self._engine(method).submit(
                function, self._terms_of(method).to_json(), str(self._folder), *arguments
            )
        except (submitit.core.utils.FailedJobError, OSError) as error:
            raise SRBenchError(f"--executor slurm: the job was rejected ({reason_of(error)[-300:]})") from error

    def _serve(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  (submitit may raise anything; `check` reports it)
            self._fault = error

    def _work(self) -> None:
        while not self._stop.wait(POLL_S):
            for job in [job for job in self._running if job.done()]:
                self._settle(job, self._running.pop(job))
            for orders in self._bundles():
                method = orders[0].job.method
                try:
                    device = self.environment(method).device
                    job = self._submit(method, run_jobs, [order.job.to_json() for order in orders], device)
                except SRBenchError as error:
                    for order in orders:
                        order.done.set_exception(error)
                else:
                    self._running[job] = orders

    def _bundles(self) -> list[list[_Order]]:
        """Take waiting jobs from the queue, split over the free places."""
        with self._lock:
            free = self._places - len(self._running)
            size = min(MOST_EACH, math.ceil(len(self._waiting) / max(1, free)))
            bundles: list[list[_Order]] = []
            while self._waiting and len(bundles) < free:
                first = self._waiting[0]
                needs = self._needs(first.job.method)
                alike = [order for order in self._waiting if not order.alone and self._needs(order.job.method) == needs]
                bundles.append([first] if first.alone else alike[:size])
                self._waiting = [order for order in self._waiting if order not in bundles[-1]]
            return bundles

    def _answers(self, job: submitit.Job[Any]) -> list[list[dict[str, Any]]]:
        if self._local and not job.paths.result_pickle.exists():  # a local file cannot appear later
            raise submitit.core.utils.UncompletedJobError("no answer")
        answers: list[list[dict[str, Any]]] = job.result()
        return answers

    def _settle(self, job: submitit.Job[Any], orders: list[_Order]) -> None:
        try:
            answers = self._answers(job)
        except (submitit.core.utils.FailedJobError, submitit.core.utils.UncompletedJobError) as error:
            self._keeps_logs = True
            self._again(job, orders, self._state(job, error))
            return
        for order, events in zip(orders, answers, strict=True):
            try:
                pass_all(decode_answer(events, self.environment(order.job.method)), order.emit)
                order.done.set_result(None)
            except OtherWorkerError as error:
                order.attempts += 1
                if self._local or order.attempts >= ATTEMPTS:
                    order.done.set_exception(JobFailedError(Failure(error.code, str(error))))
                else:  # another node may do
                    order.emit(Remarked("workers", f"answers of cluster job {job.job_id} are refused: {error}"))
                    with self._lock:
                        self._waiting.append(order)
            except SRBenchError as error:
                order.done.set_exception(error)

    @staticmethod
    def _state(job: submitit.Job[Any], error: Exception) -> str:
        """Return the state of a cluster job without an answer; submitit reports its own timeout only as text."""
        return "TIMEOUT" if "timed-out" in str(error) else job.state

    def _again(self, job: submitit.Job[Any], orders: list[_Order], state: str) -> None:
        """Requeue the jobs of a cluster job without an answer, each alone, unless a retry is hopeless."""
        for order in orders:
            order.attempts += 1
            if len(orders) == 1 and (state in HOPELESS or order.attempts >= ATTEMPTS):
                times = f" ({order.attempts} attempts)" if order.attempts > 1 else ""
                reason = f"cluster job {job.job_id} ended without an answer: {state}{times}"
                failure = Failure(HOPELESS.get(state, Code.LOST), f"{reason}; its logs are in {self._folder}")
                order.done.set_exception(JobFailedError(failure))
            else:
                order.alone = True
                with self._lock:
                    self._waiting.append(order)


def _value(text: str) -> str | int | bool:
    if text.lower() in ("true", "yes"):
        return True
    return int(text) if text.isdigit() else text
