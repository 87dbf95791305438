"""Jobs on another machine: their settings, a check of the machine, and their encoded events.

Only names and numbers are sent. The other machine runs each job in a worker process, as a local run does, and returns
all events of the job at once: if the machine is lost, no partial results remain.
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
from srbench.store.hashes import own_code
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
    """Settings shared by all jobs of a run on any machine."""

    session: Session
    timeout_s: float = 0
    max_memory: int = 0

    def to_json(self) -> str:
        """Return the terms as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Terms:
        """Return the terms that `to_json` wrote."""
        fields = json.loads(line)
        return cls(Session.from_settings(fields.pop("session")), **fields)

    def executor(self, log: Path) -> WorkerExecutor:
        """Return an executor with these settings on this machine."""
        return WorkerExecutor(self.session, log, self.timeout_s, self.max_memory)


def host() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def environment(executor: WorkerExecutor) -> Environment | Refused:
    """Return the environment of an executor on this machine, or why it cannot run jobs."""
    try:
        return executor.environment()
    except SRBenchError as error:
        return Refused(f"{error} (on {host()})")


def answer(executor: WorkerExecutor, job: Job, device: str) -> Answer:
    """Run a job on this machine and return all its encoded events.

    The first says with what they were made, an `Environment`; the last is `JobDone` or `JobFailed`.

    Args:
        executor: runs the job.
        job: the job.
        device: the required device, as named in results; empty for any.
    """
    return [encode(event) for event in _events(executor, job, device)]


def _events(executor: WorkerExecutor, job: Job, device: str) -> list[Event]:
    machine = environment(executor)
    if isinstance(machine, Refused):
        return [JobFailed(Code.FAILED, machine.reason)]
    if device and machine.device != device:
        reason = f"this run was started on {device!r}, but {host()} has {machine.device!r}"
        return [JobFailed(Code.MISMATCH, f"{reason}: use machines of one kind, and --threads")]
    events: list[Event] = []
    try:
        events.append(machine)
        executor.submit(job, events.append).result()
        events.append(JobDone())
    except SRBenchError as error:
        events.append(JobFailed(error.code, f"{error} (on {host()})"))
    shared = shared_cores(machine.device)
    return mark_shared(events, shared) if shared else events


def mark_shared(events: Iterable[Event], reason: str) -> list[Event]:
    """Return events with each timing marked as shared, and with what."""
    return [replace(event, shared=reason) if isinstance(event, SpeedMeasured) else event for event in events]


def shared_cores(device: str) -> str:
    """Return which share of this machine's cores SLURM allocated; empty if all, so that timings are undisturbed."""
    allocated, cores = os.environ.get("SLURM_CPUS_ON_NODE", ""), os.cpu_count() or 1
    if device.startswith("cpu") and allocated.isdigit() and int(allocated) < cores:
        return f"{allocated} of {cores} cores of {host()}"
    return ""


class OtherWorkerError(SRBenchError):
    """An answer comes from a machine with other code, libraries, files or another device than the run's."""

    code = Code.MISMATCH


def decode_answer(answers: Answer, machine: Environment) -> list[Event]:
    """Return the events that `answer` encoded.

    Args:
        answers: what `answer` returned.
        machine: the machine on which the run was started.

    Raises:
        OtherWorkerError: they were made with other code, libraries or files, or on another device.
    """
    try:
        first, *events = [decode(message) for message in answers]
    except (SRBenchError, ValueError, TypeError) as error:
        raise OtherWorkerError("it has another version of srbench") from error
    for event in (first, *events):
        if isinstance(event, JobFailed) and event.code is Code.MISMATCH:
            raise OtherWorkerError(event.reason)
    if isinstance(first, JobFailed):  # it could not begin
        return [first]
    if not isinstance(first, Environment):
        raise OtherWorkerError("it has another version of srbench")
    if reason := unlike(first, machine):
        raise OtherWorkerError(reason)
    return events


def unlike(machine: Environment, other: Environment) -> str:
    """Return how a machine differs from another in what values and times depend on; empty if it does not."""
    for name in other.versions.keys() - {"python"}:
        if machine.versions.get(name) != other.versions[name]:
            return f"it has {name} {machine.versions.get(name, 'of unknown version')}, not {other.versions[name]}"
    if machine.source != other.source:
        return f"its srbench {machine.versions.get('srbench')} has other code"
    return "" if machine.device == other.device else f"its device is {machine.device!r}, not {other.device!r}"


def pass_all(events: Iterable[Event], emit: Emit) -> None:
    """Pass a remote job's events to the run.

    Raises:
        JobFailedError: the job failed.
    """
    for event in events:
        pass_on(event, emit)


def one_kind(machines: Iterable[Environment | Refused]) -> Environment:
    """Return the common environment of machines.

    Raises:
        SRBenchError: a machine cannot run jobs, or their devices or versions of srbench differ.
    """
    environments: list[Environment] = []
    for machine in machines:
        if isinstance(machine, Refused):
            raise SRBenchError(machine.reason)
        if (version := machine.versions["srbench"]) != __version__:
            raise SRBenchError(f"a worker has srbench {version}, this is {__version__}; install the same on both")
        if machine.source != own_code():
            raise SRBenchError(f"a worker has other code of srbench {version} than this; install the same on both")
        environments.append(machine)
    if len(devices := sorted({machine.device for machine in environments})) > 1:
        raise SRBenchError(
            f"the workers have different devices, whose results cannot be compared ({'; '.join(devices)}): "
            "use workers of one kind, and the same --threads"
        )
    if reason := next(filter(None, (unlike(machine, environments[0]) for machine in environments)), ""):
        raise SRBenchError(f"the workers have different libraries: {reason} as another worker; install the same on all")
    return environments[0]


def decode_machine(message: dict[str, Any]) -> Environment | Refused:
    """Return the decoded result of `environment`.

    Raises:
        SRBenchError: it is of another version of srbench.
    """
    machine = decode(message)
    if not isinstance(machine, Environment | Refused):
        raise SRBenchError("a worker did not report its environment; install the same version of srbench there")
    return machine
