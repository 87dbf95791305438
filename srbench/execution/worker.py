"""The process that runs jobs: ``python -m srbench.execution.worker``.

It reads one JSON line per job from standard input and answers with JSON lines, each as soon as it is known. A job is
names only; the worker rebuilds the catalog itself.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections import OrderedDict, defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import MethodError, SRBenchError, one_line
from srbench.execution.jobs import Job, Session
from srbench.system.child import serve
from srbench.system.devices import device_name, find_device
from srbench.system.malloc import keep_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch

    from srbench.catalog.catalog import Catalog
    from srbench.execution.jobs import Cell, Emit
    from srbench.inference.precision import Inference
    from srbench.inference.tiler import Tiler
    from srbench.scoring.samples import Sample
    from srbench.scoring.scorer import Score
    from srbench.specs import ImagePair, ModelSpec
from srbench.execution.explain import explain

STORE_BYTES = 768 * 2**20
"""What depends on HR alone is kept for the next method within this, on a GPU within an eighth of what is free."""
NETS_KEPT = 4
GPU_BATCH = 8
"""Images of one size that a GPU is given at once."""
AHEAD = min(8, max(2, (os.cpu_count() or 2) // 2))
"""Threads that decode a job's images while the network works on those before."""


class Worker:
    """Runs jobs in this process, keeping networks and prepared references warm between them."""

    def __init__(self, session: Session) -> None:
        """Set the device up.

        Raises:
            SRBenchError: the device is not there.
        """
        import torch

        from srbench.catalog.catalog import Catalog
        from srbench.scoring.references import ReferenceStore
        from srbench.scoring.scorer import Scorer
        from srbench.system.memory import available

        keep_memory()
        self.threads = session.threads or torch.get_num_threads()
        self._reset()
        self.session = session
        self.device = find_device(session.device)
        self.catalog: Catalog = Catalog.load(session.plugins)
        cuda = self.device.type == "cuda"
        self.store = ReferenceStore(max(STORE_BYTES, available(self.device) // 8) if cuda else STORE_BYTES)
        self.scorer = Scorer(self.store)
        self.nets: OrderedDict[tuple[str, int, str], tuple[Inference, Tiler]] = OrderedDict()
        self.seconds: dict[str, float] = defaultdict(float)
        self._clocks = threading.Lock()
        self.batch = GPU_BATCH if cuda else 1
        self.pairs: dict[tuple[str, int], dict[str, ImagePair]] = {}
        self.written: set[Path] = set()
        self.chunk: set[tuple[Any, ...]] = set()
        """Keys of the last job's images."""

    def run(self, job: Job, emit: Emit) -> None:
        """Run one job, emitting each value as it is known.

        Raises:
            SRBenchError: the job cannot be done; says why in one line.
        """
        self._reset()
        if not job.method:
            from srbench.inference.speed import peak_flops

            emit({"peak_flops": peak_flops(self.device, self.session.precision, **(job.speed or {}))})
            return
        pairs = self._listed(job)
        if job.expected:
            from srbench.execution.agreement import compare

            plugin = self.catalog.models.owner(job.reference or job.method)
            compare(job.expected, plugin, job.weights, pairs, job.degradation)
        net, tiler = self._net(job)
        if job.speed is None:
            self._score(job, tiler, pairs, emit)
        else:
            self._speed(job, net, emit)

    def _reset(self) -> None:
        """Undo what a method may have done to torch, so that the next one is scored and timed alike."""
        import torch

        torch.set_num_threads(self.threads)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)  # not "cpu": each call of torch would go through Python once more
        torch.backends.cuda.matmul.allow_tf32 = False  # "fp32" means fp32
        torch.backends.cudnn.allow_tf32 = False

    def _spec(self, job: Job) -> ModelSpec:
        return self.catalog.models[job.reference or job.method]

    def home(self, job: Job) -> Path | None:
        """Return where the code of a job's method lies."""
        name = job.reference or job.method
        return self.catalog.models.owner(name).home if name in self.catalog.models else None

    def _net(self, job: Job) -> tuple[Inference, Tiler]:
        from srbench.inference.build import build_net
        from srbench.inference.enlarger import Enlarger
        from srbench.inference.precision import Inference
        from srbench.inference.tiler import Tiler
        from srbench.system.memory import available

        key = job.method, job.scale, job.weights
        if key not in self.nets:
            with self._clock("build"):
                weights = Path(job.weights) if job.weights else None
                spec, how = self._spec(job), self.session
                built = build_net(spec, job.scale, self.device, weights)
                net = Inference(built, self.device, how.precision, compiled=how.compiled)
                most = max(1, available(self.device, how.max_memory) // 2) if how.max_memory else 0
                fill = how.compiled and not net.outside_torch
                self.nets[key] = net, Tiler(Enlarger.of(spec, net, job.scale), self.device, how.tile, most, fill=fill)
            if len(self.nets) > NETS_KEPT:
                self.nets.popitem(last=False)
        self.nets.move_to_end(key)
        return self.nets[key]

    def _listed(self, job: Job) -> dict[str, ImagePair]:
        """Return a job's images by name; a dataset is listed once, and again where one is not among them."""
        from srbench.data.find import find_dataset

        if not job.images:
            return {}
        place = job.dataset, job.scale
        if not job.images.keys() <= self.pairs.get(place, {}).keys():
            self.pairs[place] = {pair.name: pair for pair in find_dataset(self.catalog, job.dataset).pairs(job.scale)}
        if lost := [name for name in job.images if name not in self.pairs[place]]:
            raise SRBenchError(f"image {lost[0]!r} is no longer in {job.dataset}")
        return {name: self.pairs[place][name] for name in job.images}

    def _score(self, job: Job, tiler: Tiler, pairs: dict[str, ImagePair], emit: Emit) -> None:
        self._forget_others(job)
        with ThreadPoolExecutor(AHEAD) as decoders, ThreadPoolExecutor(1) as encoder:
            coming = {name: self._coming(decoders, job, pairs[name]) for name in job.images}
            writing: list[tuple[str, Future[None]]] = []
            try:
                most = 1 if self._spec(job).stochastic else self.batch  # a draw depends on the batch
                for group in self._groups(job, coming, most):
                    with self._clock("forward"):
                        outputs = dict(zip(group, self._forward(tiler, group), strict=True))
                    with self._clock("metrics"):
                        for cells in _by_metric(job, group):
                            for key, value in self._values(job, group, outputs, cells):
                                emit({"cell": key, **value, **({"tile": tiler.used} if tiler.used else {})})
                    for (name, sample), sr in zip(group.items(), outputs.values(), strict=True):
                        if target := job.save_to.get(name):
                            writing.append((name, encoder.submit(self._write, Path(target), sr, sample)))
                        else:
                            emit({"image": name, "saved": False})
            finally:
                decoders.shutdown(cancel_futures=True)
                self.scorer.forget()
                with self._clock("waiting"):
                    for name, future in writing:
                        future.result()
                        emit({"image": name, "saved": True})

    def _groups(self, job: Job, coming: dict[str, Callable[[], Sample]], most: int) -> Iterator[dict[str, Sample]]:
        """Yield images by name that go through the network and the metrics together: those of one size, on a GPU.

        No more than twice as many wait for others of their size as go together; then those that came first go.
        """
        open_groups: dict[Any, dict[str, Sample]] = {}
        for name in job.images:
            with self._clock("waiting"):
                sample = self.store.get(self._key(job, name), coming.pop(name))
            alike = sample.lr.shape, sample.hr.shape, sample.grey
            group = open_groups.setdefault(alike, {})
            group[name] = sample
            if len(group) == most:
                yield open_groups.pop(alike)
            elif sum(map(len, open_groups.values())) >= 2 * most:
                yield open_groups.pop(next(iter(open_groups)))
        yield from open_groups.values()

    def _forward(self, tiler: Tiler, group: dict[str, Sample]) -> torch.Tensor:
        """Return SR of images of one size, ``(N, 3, H, W)`` uint8."""
        import torch

        from srbench.images.tensors import to_8bit, to_float
        from srbench.inference.speed import synchronise

        lr = to_float(torch.stack([sample.lr for sample in group.values()]))
        try:
            sr: torch.Tensor = tiler(lr, to_8bit)
        except MethodError as error:
            raise MethodError(f"{error} (image {', '.join(group)})") from error
        synchronise(self.device)
        return sr

    def _forget_others(self, job: Job) -> None:
        """Drop what is kept of other images: the next methods of a run are given the same chunk, or a later one."""
        chunk = {self._key(job, name) for name in job.images}
        if not chunk & self.chunk:
            self.store.clear()
        self.chunk = chunk

    def _write(self, target: Path, sr: torch.Tensor, sample: Sample) -> None:
        """Write what a method made, and HR and LR beside it, once for all methods."""
        from srbench.images.tensors import to_picture
        from srbench.images.write import write

        with self._clock("write"):
            write(target, to_picture(sr, grey=sample.grey))
            files = {target.parent.with_name(kind) / target.name: kind for kind in ("HR", "LR")}
            for path in files.keys() - self.written:
                write(path, to_picture(sample.hr if files[path] == "HR" else sample.lr, grey=sample.grey))
                self.written.add(path)

    def _key(self, job: Job, name: str) -> tuple[Any, ...]:
        return "sample", job.dataset, name, job.scale, job.degradation

    def _coming(self, decoders: ThreadPoolExecutor, job: Job, pair: Any) -> Callable[[], Sample]:
        """Begin to decode an image unless it is kept; the function returned waits for it."""
        from srbench.images.degradations import get_degradation
        from srbench.scoring.samples import load_sample

        def load() -> Sample:
            with self._clock("decode"):
                return load_sample(pair, job.scale, self.device, get_degradation(job.degradation))

        if self._key(job, pair.name) in self.store:
            return load  # not called, unless it is forgotten until then
        return decoders.submit(load).result

    def _values(
        self, job: Job, group: dict[str, Sample], outputs: dict[str, torch.Tensor], cells: dict[str, Cell]
    ) -> list[tuple[str, dict[str, Any]]]:
        """Return, by the cells' keys, what one metric says of images of a group under one protocol."""
        import torch

        from srbench.errors import AssetError
        from srbench.protocols import PROTOCOLS, get_protocol

        cell = next(iter(cells.values()))
        protocol = get_protocol(cell.protocol or next(iter(PROTOCOLS)))
        try:
            scores: Sequence[Score] = self.scorer.score_all(
                [outputs[name] for name in cells],
                [group[name] for name in cells],
                protocol,
                self.catalog.metrics[cell.metric],
                [f"{job.dataset}/{name}" for name in cells],
            )
            values = [{"value": score.value, "reason": score.reason} for score in scores]
        except AssetError as error:
            values = [{"value": None, "reason": str(error), "missing": True}] * len(cells)
        except Exception as error:  # noqa: BLE001  (a metric that breaks costs its value, not the method's row)
            traceback.print_exc()
            values = []
            reason = f"{cell.metric} failed: {explain(error, self.catalog.metrics.owner(cell.metric).home)}"
        if not values and len(cells) > 1:  # one of them is at fault, or memory does for fewer
            torch.cuda.empty_cache()
            alone = [self._values(job, group, outputs, {name: cell}) for name, cell in cells.items()]
            return [value for of_one in alone for value in of_one]
        values = values or [{"value": None, "reason": reason, "missing": True}]
        return [(cell.key, value) for cell, value in zip(cells.values(), values, strict=True)]

    def _speed(self, job: Job, net: torch.nn.Module, emit: Emit) -> None:
        from srbench.inference.speed import SpeedSettings, measure

        settings = SpeedSettings(**(job.speed or {}))
        with self._clock("speed"):
            multiple = self._spec(job).multiple
            speed = measure(net, job.scale, multiple, self.device, settings)
        emit({"speed": speed.as_dict()})

    @contextmanager
    def _clock(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._clocks:
                self.seconds[name] += time.perf_counter() - start

    def environment(self) -> dict[str, Any]:
        """Describe where numbers come from: device, threads, versions."""
        import platform
        from importlib.metadata import version

        import torch

        from srbench.version import __version__

        device = f"{self.device.type}, {device_name(self.device)}"
        if self.device.type == "cpu":
            device += f", {torch.get_num_threads()} threads"
        names = ("torch", "torchvision", "lpips", "numpy", "scikit-image", "pillow")
        versions = {"srbench": __version__, "python": platform.python_version()} | {n: version(n) for n in names}
        return {
            "device": device,
            "platform": platform.platform(),
            "cuda": torch.version.cuda,
            "versions": versions,
        }


def _by_metric(job: Job, group: dict[str, Sample]) -> list[dict[str, Cell]]:
    """Return the cells of a group of images, by image name, for each metric and protocol."""
    found: dict[tuple[str, str], dict[str, Cell]] = defaultdict(dict)
    for name in group:
        for cell in job.images[name]:
            found[cell.metric, cell.protocol][name] = cell
    return list(found.values())


def run_and_report(worker: Worker, job: Job, emit: Emit) -> None:
    """Run a job and emit how it ended; ``fatal`` when the process is no longer to be trusted."""
    worker.seconds.clear()
    try:
        worker.run(job, emit)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (a plugin may raise anything, SystemExit too)
        worker.nets.clear()
        if not isinstance(error, SRBenchError):
            traceback.print_exc()
        fatal = "CUDA error" in one_line(error)  # a device-side assert spoils every later call
        emit({"failed": explain(error, worker.home(job)), "fatal": fatal, "seconds": dict(worker.seconds)})
    else:
        emit({"done": True, "seconds": dict(worker.seconds)})


def main() -> None:
    """Serve jobs from standard input until it ends."""

    def start(settings: dict[str, Any]) -> tuple[dict[str, Any], Callable[[str, Emit], None]]:
        worker = Worker(Session(**settings | {"plugins": tuple(settings["plugins"])}))
        return worker.environment(), lambda line, emit: run_and_report(worker, Job.from_json(line), emit)

    serve(start)


if __name__ == "__main__":
    main()
