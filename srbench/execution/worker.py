"""The worker process that runs jobs: ``python -m srbench.execution.worker``.

It reads one JSON line per job from standard input, and writes one JSON line per event. Jobs contain names only; the
worker loads the catalog itself.
"""

from __future__ import annotations

import traceback
from collections import OrderedDict
from pathlib import Path
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
from srbench.system.child import serve
from srbench.system.devices import device_name, find_device
from srbench.system.malloc import keep_memory
from srbench.system.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from srbench.catalog.catalog import Catalog
    from srbench.execution.events import Emit
    from srbench.inference.precision import Inference
    from srbench.inference.tiler import Tiler
    from srbench.specs import ImagePair, ModelSpec
    from srbench.system.child import Message

NETS_KEPT = 4
PACKAGES = ("torch", "torchvision", "lpips", "numpy", "scikit-image", "pillow")
"""Libraries that values may depend on."""


class Worker:
    """Runs jobs in this process; caches networks and prepared references between them."""

    def __init__(self, session: Session) -> None:
        """Set up the device and load the catalog.

        Raises:
            SRBenchError: there is no such device.
        """
        import torch

        from srbench.catalog.catalog import Catalog
        from srbench.execution.scoring_job import ImageScoring

        keep_memory()
        self.threads = session.threads or torch.get_num_threads()
        self._reset()
        self.session = session
        self.device = find_device(session.device)
        self.catalog: Catalog = Catalog.load(session.plugins)
        self.stopwatch = Stopwatch()
        self.scoring = ImageScoring(self.catalog, self.device, self.stopwatch)
        self.nets: OrderedDict[tuple[str, int, str], tuple[Inference, Tiler]] = OrderedDict()
        self.remarks: dict[tuple[str, int, str], str] = {}
        """Remarks on the weights of networks."""
        self.pairs: dict[tuple[str, int], dict[str, ImagePair]] = {}

    def run(self, job: Job, emit: Emit) -> None:
        """Run one job, emitting each event as it is known.

        Raises:
            SRBenchError: the job failed; the message is one line.
        """
        self._reset()
        if not job.method:
            from srbench.inference.speed import peak_flops

            emit(PeakMeasured(peak_flops(self.device, self.session.precision, **(job.speed or {}))))
            return
        pairs = self._pairs(job)
        if job.expected:
            from srbench.execution.agreement import compare

            plugin = self.catalog.models.owner(job.reference or job.method)
            compare(job.expected, plugin, job.weights, pairs, job.degradation, self._spec(job).more_files)
        if job.outputs:
            self.scoring.run(job, None, pairs, emit)
            return
        net, tiler = self._net(job)
        if remark := self.remarks[_key(job)]:
            emit(Remarked("weights", remark))
        if job.speed is None:
            self.scoring.run(job, tiler, pairs, emit, stochastic=self._spec(job).stochastic)
        else:
            self._measure_speed(job, net, emit)

    def forget_nets(self) -> None:
        """Drop the cached networks: a failure may have changed them."""
        self.nets.clear()

    def home(self, job: Job) -> Path | None:
        """Return the path of the code of a job's method."""
        name = job.reference or job.method
        return self.catalog.models.owner(name).home if name in self.catalog.models else None

    def environment(self) -> Environment:
        """Return the device with its threads, the platform and the versions."""
        import platform
        from importlib.metadata import version

        import torch

        from srbench.version import __version__

        device = f"{self.device.type}, {device_name(self.device)}"
        if self.device.type == "cpu":
            device += f", {counted(torch.get_num_threads(), 'thread')}"
        versions = {"srbench": __version__, "python": platform.python_version()}
        versions |= {package: version(package) for package in PACKAGES}
        return Environment(device, platform.platform(), torch.version.cuda, versions)

    def _reset(self) -> None:
        """Reset torch's global settings, which a method may have changed."""
        import torch

        torch.set_num_threads(self.threads)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)  # not "cpu": that would add overhead to each call of torch
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.allow_tf32 = False  # "fp32" means fp32
        torch.backends.cudnn.allow_tf32 = False

    def _spec(self, job: Job) -> ModelSpec:
        return self.catalog.models[job.reference or job.method]

    def _net(self, job: Job) -> tuple[Inference, Tiler]:
        from srbench.inference.build import build_net, random_weights
        from srbench.inference.enlarger import Enlarger
        from srbench.inference.precision import Inference
        from srbench.inference.tiler import Tiler
        from srbench.system.memory import available

        key = _key(job)
        if key not in self.nets:
            with self.stopwatch("build"):
                spec, session = self._spec(job), self.session
                module = build_net(spec, job.scale, self.device, Path(job.weights) if job.weights else None)
                if key not in self.remarks:
                    self.remarks[key] = random_weights(spec, module, job.scale)
                net = Inference(module, self.device, session.precision, compiled=session.compiled)
                max_bytes = max(1, available(self.device, session.max_memory) // 2) if session.max_memory else 0
                fill = session.compiled and not net.outside_torch
                enlarger = Enlarger.of(spec, net, job.scale)
                self.nets[key] = net, Tiler(enlarger, self.device, session.tile, max_bytes, fill=fill)
            if len(self.nets) > NETS_KEPT:
                self.nets.popitem(last=False)
        self.nets.move_to_end(key)
        return self.nets[key]

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

    def _measure_speed(self, job: Job, net: Inference, emit: Emit) -> None:
        from srbench.inference.speed import SpeedSettings, count, measure

        settings = SpeedSettings(**(job.speed or {}))
        if not settings.timed:
            with self.stopwatch("speed"):
                spec = self._spec(job)
                emit(SpeedMeasured(count(net, spec.multiple, settings, spec.smallest)))
            return
        with self.stopwatch("speed"):
            spec = self._spec(job)
            speed = measure(net, job.scale, spec.multiple, self.device, settings, smallest=spec.smallest)
        emit(SpeedMeasured(speed.as_dict()))


def _key(job: Job) -> tuple[str, int, str]:
    return job.method, job.scale, job.weights


def run_and_report(worker: Worker, job: Job, emit: Emit) -> None:
    """Run a job, then emit the time spent and the outcome."""
    worker.stopwatch.take()
    try:
        worker.run(job, emit)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (a plugin may raise anything, SystemExit too)
        worker.forget_nets()
        if not isinstance(error, SRBenchError):
            traceback.print_exc()
        failure = explain(error, worker.home(job))
        emit(TimeSpent(worker.stopwatch.take()))
        # after a device-side assert, every later call of the process fails
        emit(JobFailed(failure.code, failure.reason, fatal=failure.code is Code.DEVICE_BROKEN))
    else:
        emit(TimeSpent(worker.stopwatch.take()))
        emit(JobDone())


def main() -> None:
    """Run jobs from standard input until it is closed."""

    def start(settings: dict[str, Any]) -> tuple[Message, Callable[[str, Callable[[Message], None]], None]]:
        worker = Worker(Session.from_settings(settings))

        def handle(line: str, send: Callable[[Message], None]) -> None:
            run_and_report(worker, Job.from_json(line), lambda event: send(encode(event)))

        return encode(worker.environment()), handle

    serve(start)


if __name__ == "__main__":
    main()
