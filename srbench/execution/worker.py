"""The worker process that runs jobs: ``python -m srbench.execution.worker``.

It reads one JSON line per job from standard input, and writes one JSON line per event. Jobs contain names only; the
worker loads the catalog itself.
"""

from __future__ import annotations

import os
import secrets
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any

from srbench.catalog.blame import explain
from srbench.errors import Code, SRBenchError, counted
from srbench.execution.events import (
    Environment,
    JobDone,
    JobFailed,
    PeakMeasured,
    Remarked,
    SpeedMeasured,
    TimeSpent,
    encode,
)
from srbench.execution.jobs import Job, Session
from srbench.execution.methods import MethodProcesses, MethodsHere
from srbench.store.hashes import own_code
from srbench.system.child import serve
from srbench.system.devices import device_name, find_device
from srbench.system.forks import processes
from srbench.system.malloc import keep_memory
from srbench.system.stopwatch import Stopwatch
from srbench.system.trees import tree_memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from srbench.catalog.catalog import Catalog
    from srbench.execution.events import Emit
    from srbench.execution.method import Method
    from srbench.execution.methods import Methods
    from srbench.inference.speed import SpeedSettings
    from srbench.specs import ImagePair
    from srbench.system.child import Message
    from srbench.system.forks import Spawner, Template

PACKAGES = ("torch", "torchvision", "lpips", "numpy", "scikit-image", "pillow")
"""Libraries that values may depend on."""
ENDS_OTHERS = "it ended the process that methods are started from"


class Worker:
    """Runs jobs: it decodes, degrades, scores and saves images; methods only see LR.

    Args:
        session: settings of all jobs.
        processes: starts the processes of methods; None to run them in this process, for debugging.

    Raises:
        SRBenchError: there is no such device.
    """

    def __init__(self, session: Session, processes: Template | Spawner | None = None) -> None:
        """Set up the device and load the catalog."""
        import torch

        from srbench.catalog.catalog import Catalog
        from srbench.execution.method import reset_torch
        from srbench.execution.photographs import Photographs
        from srbench.execution.scoring_job import ImageScoring

        keep_memory()
        self.threads = session.threads or torch.get_num_threads()
        reset_torch(self.threads)
        self.session, self._processes = session, processes
        self.device = find_device(session.device)
        apart = processes is not None and bool(session.scoring)
        self.catalog: Catalog = (
            Catalog.load_only(session.scoring, session.plugins) if apart else Catalog.load(session.plugins)
        )
        self.stopwatch = Stopwatch()
        self.scoring = ImageScoring(self.catalog, self.device, self.stopwatch)
        self.methods: Methods = (
            MethodsHere(self.catalog, session, self.device)
            if processes is None
            else MethodProcesses(processes, session, self.threads, partial(tree_memory, os.getpid()))
        )
        self.photographs = Photographs(self.catalog)
        self.pairs: dict[tuple[str, int], dict[str, ImagePair]] = {}

    def run(self, job: Job, emit: Emit) -> None:
        """Run one job, emitting each event as it is known.

        Raises:
            SRBenchError: the job failed; the message is one line.
        """
        from srbench.execution.agreement import compare_folder, compare_method
        from srbench.execution.method import reset_torch
        from srbench.inference.speed import SpeedSettings

        reset_torch(self.threads)
        if not job.method:
            from srbench.inference.speed import peak_flops

            self.methods.close()
            emit(PeakMeasured(peak_flops(self.device, self.session.precision, **(job.speed or {}))))
            return
        pairs = self._pairs(job)
        compare_folder(job.expected)
        if job.outputs:
            if job.expected:
                compare_method(job.expected, self.catalog.models.owner(job.reference or job.method), job.weights)
            self.scoring.run(job, None, pairs, emit)
            return
        settings = None if job.speed is None else SpeedSettings(**job.speed)
        if settings and settings.timed:
            self.methods.keep_only(job)
        with self.stopwatch("build"):
            method = self.methods.open(job)
        if method.remark:
            emit(Remarked("weights", method.remark))
        if settings is None:
            self.scoring.run(job, method, pairs, emit)
        else:
            self._measure_speed(method, settings, emit)
        if copies := self.methods.copies(job):
            emit(Remarked("process", f"{counted(copies, 'answer')} of copies of its process dropped: it forks"))

    def runs(self) -> bool:
        """Return whether methods can be started: one may have ended the process that they are forked from."""
        return self._processes is None or self._processes.runs()

    def home(self, job: Job) -> Path | None:
        """Return the path of the code of a job's method, if this process knows it."""
        name = job.reference or job.method
        return self.catalog.models.owner(name).home if name in self.catalog.models else None

    def environment(self) -> Environment:
        """Return the device with its threads, the platform, the versions and the hash of srbench's code."""
        import platform
        from importlib.metadata import version

        import torch

        from srbench.version import __version__

        device = f"{self.device.type}, {device_name(self.device)}"
        if self.device.type == "cpu":
            device += f", {counted(torch.get_num_threads(), 'thread')}"
        versions = {"srbench": __version__, "python": platform.python_version()}
        versions |= {package: version(package) for package in PACKAGES}
        return Environment(device, platform.platform(), torch.version.cuda, versions, own_code())

    def _pairs(self, job: Job) -> dict[str, ImagePair]:
        """Return a job's images by name; a dataset is listed once, and again if an image is missing."""
        from srbench.data.find import find_dataset

        if not job.images:
            return {}
        key = job.dataset, job.scale
        if not job.images.keys() <= self.pairs.get(key, {}).keys():
            self.pairs[key] = {pair.name: pair for pair in find_dataset(self.catalog, job.dataset).pairs(job.scale)}
        if lost := [name for name in job.images if name not in self.pairs[key]]:
            raise SRBenchError(f"image {lost[0]!r} is no longer in {job.dataset}")
        return {name: self.pairs[key][name] for name in job.images}

    def _measure_speed(self, method: Method, settings: SpeedSettings, emit: Emit) -> None:
        with self.stopwatch("speed"):
            images = self.photographs.mosaic(settings.size) if settings.timed else None
            costs = method.costs(settings, images, secrets.randbits(32))
        emit(SpeedMeasured(costs.figures))
        if costs.remark:
            emit(Remarked("speed", costs.remark))


def run_and_report(worker: Worker, job: Job, emit: Emit) -> None:
    """Run a job, then emit the time spent and the outcome."""
    worker.stopwatch.take()
    try:
        worker.run(job, emit)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (a plugin may raise anything, SystemExit too)
        worker.methods.drop(job)
        if not isinstance(error, SRBenchError):
            traceback.print_exc()
        failure = explain(error, worker.home(job))
        emit(TimeSpent(worker.stopwatch.take()))
        # after a device-side assert, every later call of the process fails
        is_fatal = failure.code is Code.DEVICE_BROKEN or not worker.runs()
        emit(JobFailed(failure.code, failure.reason, fatal=is_fatal))
    else:
        emit(TimeSpent(worker.stopwatch.take()))
        emit(JobDone() if worker.runs() else JobFailed(Code.CRASHED, ENDS_OTHERS, fatal=True))


def main() -> None:
    """Run jobs from standard input until it is closed."""
    from srbench.execution import method_process

    starter = processes(method_process.main)  # before any plugin is imported

    def start(settings: dict[str, Any]) -> tuple[Message, Callable[[str, Callable[[Message], None]], None]]:
        worker = Worker(Session.from_settings(settings), starter)

        def handle(line: str, send: Callable[[Message], None]) -> None:
            run_and_report(worker, Job.from_json(line), lambda event: send(encode(event)))

        return encode(worker.environment()), handle

    serve(start)


if __name__ == "__main__":
    main()
