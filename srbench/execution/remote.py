"""Jobs on another machine: what travels there, whether it is the machine that was meant, and what comes back.

Only names and numbers travel. The far end runs each job as a local run does, in a worker process that may die, and
answers with all events of the job at once: a machine that is lost in the midst of it leaves nothing half told.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from srbench.errors import SRBenchError
from srbench.execution.executor import JobFailedError
from srbench.execution.jobs import Session
from srbench.execution.local import WorkerExecutor
from srbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from srbench.execution.jobs import Emit, Job

    Event = dict[str, Any]


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
        data = json.loads(line)
        session = data.pop("session")
        return cls(Session(**session | {"plugins": tuple(session["plugins"])}), **data)

    def executor(self, log: Path) -> WorkerExecutor:
        """Return what runs jobs on these terms on this machine."""
        return WorkerExecutor(self.session, log, self.timeout_s, self.max_memory)


def host() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def environment(executor: WorkerExecutor) -> Event:
    """Describe this machine, or say in ``refused`` why it cannot run jobs."""
    try:
        return executor.environment()
    except SRBenchError as error:
        return {"refused": f"{error} (on {host()})"}


def answer(executor: WorkerExecutor, job: Job, device: str) -> list[Event]:
    """Run a job on this machine and return all its events; the last says ``failed`` with the reason where it did.

    Args:
        executor: runs it.
        job: the job.
        device: what it must run on, as results name it; empty where nothing is known of it yet.
    """
    here = environment(executor)
    if "refused" in here:
        return [{"failed": here["refused"]}]
    if device and here["device"] != device:
        other = f"this run's figures are of {device!r}, but {host()} has {here['device']!r}"
        return [{"failed": f"{other}: give it machines of one kind, with --threads"}]
    events: list[Event] = []
    try:
        executor.submit(job, events.append).result()
    except SRBenchError as error:
        events.append({"failed": f"{error} (on {host()})"})
    if job.speed is not None and (why := shared_cores(here["device"])):
        events = [
            {**event, "speed": event["speed"] | {"shared": why}} if "speed" in event else event for event in events
        ]
    return events


def shared_cores(device: str) -> str:
    """Say that SLURM gave a job a part of this machine's cores, so that others may work beside it; else nothing."""
    given, there = os.environ.get("SLURM_CPUS_ON_NODE", ""), os.cpu_count() or 1
    if device.startswith("cpu") and given.isdigit() and int(given) < there:
        return f"{given} of {there} cores of {host()}"
    return ""


def pass_on(events: Iterable[Event], emit: Emit) -> None:
    """Hand a far job's events to the run.

    Raises:
        JobFailedError: the job failed there.
    """
    for event in events:
        if "failed" in event:
            raise JobFailedError(event["failed"])
        emit(event)


def one_kind(environments: Iterable[Event]) -> Event:
    """Return what machines have in common.

    Raises:
        SRBenchError: one cannot run jobs, or they are of several kinds, which no ranking may mix.
    """
    found = list(environments)
    for place in found:
        if "refused" in place:
            raise SRBenchError(place["refused"])
        if (version := place["versions"]["srbench"]) != __version__:
            raise SRBenchError(f"a worker has srbench {version}, this is {__version__}; install the same on both")
    if len(devices := sorted({place["device"] for place in found})) > 1:
        raise SRBenchError(
            f"the workers are of several kinds, whose figures cannot be compared ({'; '.join(devices)}): "
            "give the run those of one kind, and the same --threads"
        )
    return found[0]
