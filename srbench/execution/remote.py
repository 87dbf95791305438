"""Jobs on another machine: what travels there, whether it is the machine that was meant, and what comes back.

Only names and numbers travel. The far end runs each job as a local run does, in a worker process that may die, and
answers with all events of the job at once: a machine that is lost in the midst of it leaves nothing half told.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from srbench.errors import Code, SRBenchError
from srbench.execution.events import (
    Environment,
    Event,
    JobDone,
    JobFailed,
    Refused,
    SpeedMeasured,
    decode,
    encode,
)
from srbench.execution.executor import pass_on
from srbench.execution.jobs import Session
from srbench.execution.local import WorkerExecutor
from srbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from srbench.execution.events import Emit
    from srbench.execution.jobs import Job

    Answer = list[dict[str, Any]]
    """Events of a job, encoded."""


@dataclass(frozen=True)
class Terms:
    """What holds for all jobs of a run, wherever they run."""

    session: Session
    timeout_s: float = 0
    max_memory: int = 0

    def to_json(self) -> str:
        """Return the terms as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Terms:
        """Read what `to_json` wrote."""
        fields = json.loads(line)
        return cls(Session.from_settings(fields.pop("session")), **fields)

    def executor(self, log: Path) -> WorkerExecutor:
        """Return what runs jobs on these terms on this machine."""
        return WorkerExecutor(self.session, log, self.timeout_s, self.max_memory)


def host() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def environment(executor: WorkerExecutor) -> Environment | Refused:
    """Return this machine as its worker finds it, or why it cannot run jobs."""
    try:
        return executor.environment()
    except SRBenchError as error:
        return Refused(f"{error} (on {host()})")


def answer(executor: WorkerExecutor, job: Job, device: str) -> Answer:
    """Run a job on this machine and return all its events, encoded; the last says how it ended.

    Args:
        executor: runs it.
        job: the job.
        device: what it must run on, as results name it; empty where nothing is known of it yet.
    """
    return [encode(event) for event in _events(executor, job, device)]


def _events(executor: WorkerExecutor, job: Job, device: str) -> list[Event]:
    machine = environment(executor)
    if isinstance(machine, Refused):
        return [JobFailed(Code.FAILED, machine.reason)]
    if device and machine.device != device:
        reason = f"this run's figures are of {device!r}, but {host()} has {machine.device!r}"
        return [JobFailed(Code.MISMATCH, f"{reason}: give it machines of one kind, with --threads")]
    events: list[Event] = []
    try:
        executor.submit(job, events.append).result()
        events.append(JobDone())
    except SRBenchError as error:
        events.append(JobFailed(error.code, f"{error} (on {host()})"))
    shared = shared_cores(machine.device)
    return mark_shared(events, shared) if shared else events


def mark_shared(events: Iterable[Event], reason: str) -> list[Event]:
    """Return events in which each timing says what ran beside it."""
    return [replace(event, shared=reason) if isinstance(event, SpeedMeasured) else event for event in events]


def shared_cores(device: str) -> str:
    """Say that SLURM gave a job a part of this machine's cores, so that others may work beside it; else nothing."""
    given, cores = os.environ.get("SLURM_CPUS_ON_NODE", ""), os.cpu_count() or 1
    if device.startswith("cpu") and given.isdigit() and int(given) < cores:
        return f"{given} of {cores} cores of {host()}"
    return ""


def decode_answer(answers: Answer) -> list[Event]:
    """Return the events that `answer` encoded.

    Raises:
        SRBenchError: they are of another version of srbench.
    """
    return [decode(message) for message in answers]


def pass_all(events: Iterable[Event], emit: Emit) -> None:
    """Hand a far job's events to the run.

    Raises:
        JobFailedError: the job failed there.
    """
    for event in events:
        pass_on(event, emit)


def one_kind(machines: Iterable[Environment | Refused]) -> Environment:
    """Return what machines have in common.

    Raises:
        SRBenchError: one cannot run jobs, or they are of several kinds, which no ranking may mix.
    """
    environments: list[Environment] = []
    for machine in machines:
        if isinstance(machine, Refused):
            raise SRBenchError(machine.reason)
        if (version := machine.versions["srbench"]) != __version__:
            raise SRBenchError(f"a worker has srbench {version}, this is {__version__}; install the same on both")
        environments.append(machine)
    if len(devices := sorted({machine.device for machine in environments})) > 1:
        raise SRBenchError(
            f"the workers are of several kinds, whose figures cannot be compared ({'; '.join(devices)}): "
            "give the run those of one kind, and the same --threads"
        )
    return environments[0]


def decode_machine(message: dict[str, Any]) -> Environment | Refused:
    """Return the machine that `environment` described, once it has travelled encoded.

    Raises:
        SRBenchError: it is of another version of srbench.
    """
    machine = decode(message)
    if not isinstance(machine, Environment | Refused):
        raise SRBenchError("a worker did not say where it runs; install the same srbench there")
    return machine
