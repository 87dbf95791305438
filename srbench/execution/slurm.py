"""Jobs through submitit: on SLURM, a few of ours per cluster job; with ``cluster=local``, in processes here.

What a cluster job needs (partition, GPUs, time, memory) may differ by method. One that ends without an answer is
submitted again, each of its jobs alone, up to three times; one that ran out of time or memory alone is given up.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import threading
import time
import uuid
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import submitit

from srbench.errors import Code, Failure, SRBenchError, UsageError, reason_of, say
from srbench.execution.events import encode
from srbench.execution.executor import JobFailedError
from srbench.execution.jobs import Job
from srbench.execution.remote import (
    Terms,
    answer,
    decode_answer,
    decode_machine,
    environment,
    host,
    one_kind,
    pass_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from srbench.execution.events import Emit, Environment
    from srbench.execution.local import WorkerExecutor

    Settings = Mapping[str, str]

POLL_S = 0.2
MOST_EACH = 12
"""Jobs in one cluster job, where there are more jobs than places: starting a process takes seconds."""
ATTEMPTS = 3
DEFAULT_MINUTES = 60
HOPELESS = {"TIMEOUT": Code.TIMED_OUT, "OUT_OF_MEMORY": Code.OUT_OF_MEMORY}
"""States of a cluster job that another attempt would only repeat."""
NAMES = {"gpus": "gpus_per_node", "cpus": "cpus_per_task"}


def parse_settings(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Read ``[METHOD:]NAME=VALUE[,NAME=VALUE...]``: what cluster jobs need, by method; those of all under ``""``.

    Raises:
        UsageError: one is not of this form.
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
                raise UsageError(f"--slurm cpus={value}: write a whole number")
            settings.setdefault(method, {})[name.replace("-", "_")] = value
    return settings


def minutes(text: str) -> int:
    """Read a time limit as SLURM has it: minutes, ``H:MM:SS``, ``H:MM`` or ``D-HH:MM:SS``.

    Raises:
        UsageError: it is none of these.
    """
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d\d?))?(?::(\d\d?))?", text)
    if not match:
        raise UsageError(f"--slurm time={text}: write minutes, H:MM:SS or D-HH:MM:SS")
    days, first, second, third = (int(part or 0) for part in match.groups())
    if match[1] is None and match[3] is None:
        return max(1, first)
    return max(1, math.ceil(days * 24 * 60 + first * 60 + second + third / 60))


def describe(terms: str, folder: str) -> dict[str, Any]:
    """Describe the machine that this is called on, encoded."""
    with _executor(terms, folder) as executor:
        return encode(environment(executor))


def run_jobs(terms: str, folder: str, jobs: list[str], device: str) -> list[list[dict[str, Any]]]:
    """Run jobs, one after the other, on the machine that this is called on, and return their events, encoded."""
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
    """A job and who waits for it."""

    job: Job
    emit: Emit
    done: Future[None]
    attempts: int = 0
    alone: bool = False


class SlurmExecutor:
    """Runs jobs as cluster jobs.

    Args:
        terms: what holds for all jobs.
        settings: what `parse_settings` returned.
        folder: where submitit keeps its files; on SLURM one that all nodes see.
        places: most cluster jobs at once.

    Raises:
        SRBenchError: there is no SLURM here.
    """

    def __init__(self, terms: Terms, settings: Mapping[str, Settings], folder: Path, places: int) -> None:
        self._terms = terms
        self._settings = settings
        self._folder = folder.absolute() / uuid.uuid4().hex[:8]
        self._places = places
        self._local = settings[""].get("cluster", "slurm") == "local"
        self._machines: dict[str, Environment] = {}
        """By what their cluster jobs were given."""
        self._waiting: list[_Order] = []
        self._running: dict[submitit.Job[Any], list[_Order]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._keeps_logs = False
        self._probes: list[submitit.Job[Any]] = []
        self._fault: Exception | None = None
        self._engines: dict[str, submitit.Executor] = {}
        self._engine("")  # that there is one is known before anything is done
        self._thread = threading.Thread(target=self._serve, name="srbench-slurm", daemon=True)
        self._thread.start()

    def _engine(self, method: str) -> submitit.Executor:
        """Return what submits the cluster jobs of a method."""
        if method not in self._engines:
            self._engines[method] = self._new_engine(method)
        return self._engines[method]

    def _new_engine(self, method: str) -> submitit.Executor:
        wanted = dict(self._needs(method))
        wanted.pop("cluster", None)
        limit = minutes(wanted.pop("time", str(DEFAULT_MINUTES)))
        try:
            if self._local:
                engine: submitit.Executor = submitit.LocalExecutor(self._folder)
                engine.update_parameters(timeout_min=limit, gpus_per_node=int(wanted.get("gpus", 0)))
                return engine
            engine = submitit.SlurmExecutor(self._folder)
            known = engine._valid_parameters()  # noqa: SLF001  (what is not among them is sbatch's own)
            named = {NAMES.get(name, name): _value(value) for name, value in wanted.items()}
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
        """Return the terms with the number of threads pinned: as many as a cluster job has cores, unless given."""
        session, cpus = self._terms.session, self._needs(method).get("cpus", "")
        return replace(self._terms, session=replace(session, threads=session.threads or int(cpus or 1)))

    def environment(self, method: str = "") -> Environment:
        """Start a cluster job with what a method's jobs are given, and return where it ran.

        Raises:
            SRBenchError: it could not be submitted, or the machine cannot run jobs.
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
        """Return what fills all places; of what is timed 1 on this machine, whose cores all places share."""
        return 1 if timed and self._local else self._places * (1 if timed else MOST_EACH)

    def submit(self, job: Job, emit: Emit) -> Future[None]:
        """Queue a job; those that wait at one time share cluster jobs."""
        order = _Order(job, emit, Future())
        with self._lock:
            self._waiting.append(order)
        return order.done

    def check(self) -> None:
        """See whether the thread that serves still does.

        Raises:
            SRBenchError: it ended.
        """
        if self._fault is not None:
            raise SRBenchError(f"--executor slurm: {say(self._fault)}") from self._fault

    def shutdown(self) -> None:
        """Cancel what runs, and remove submitit's files unless a log may be wanted."""
        self._stop.set()
        self._thread.join()
        for job in (*self._running, *self._probes):
            if self._local:
                _kill(int(job.job_id))
            else:
                with contextlib.suppress(OSError):  # without scancel they end by themselves
                    job.cancel(check=False)
        if not self._keeps_logs:
            shutil.rmtree(self._folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                self._folder.parent.rmdir()

    def _submit(self, method: str, function: Callable[..., Any], *arguments: Any) -> submitit.Job[Any]:
        try:
            return self._engine(method).submit(
                function, self._terms_of(method).to_json(), str(self._folder), *arguments
            )
        except (submitit.core.utils.FailedJobError, OSError) as error:
            raise SRBenchError(f"--executor slurm: the job was not taken ({reason_of(error)[-300:]})") from error

    def _serve(self) -> None:
        try:
            self._go_on()
        except Exception as error:  # noqa: BLE001  (whatever submitit and the file system may raise; `check` says it)
            self._fault = error

    def _go_on(self) -> None:
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
        """Take what waits, as far as there are places: few jobs each in a place, many several in one."""
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
        if self._local and not job.paths.result_pickle.exists():  # on this machine no file comes later
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
                pass_all(decode_answer(events), order.emit)
                order.done.set_result(None)
            except SRBenchError as error:
                order.done.set_exception(error)

    @staticmethod
    def _state(job: submitit.Job[Any], error: Exception) -> str:
        """Return the state of a cluster job that gave no answer; submitit's own time-out shows in its text alone."""
        return "TIMEOUT" if "timed-out" in str(error) else job.state

    def _again(self, job: submitit.Job[Any], orders: list[_Order], state: str) -> None:
        """Queue the jobs of a cluster job that gave no answer once more, each alone, unless there is no hope."""
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


def _kill(pid: int) -> None:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in (*process.children(recursive=True), process):
            each.kill()
