"""One method on one chunk of images: decode ahead, group, upscale, score, write."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import MethodError
from srbench.execution.events import ImageDone, ValueScored
from srbench.images.degradations import get_degradation
from srbench.images.tensors import to_8bit, to_picture
from srbench.images.write import write
from srbench.inference.speed import synchronise
from srbench.scoring.outputs import Criterion, score_samples, upscale_samples
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import load_sample
from srbench.scoring.scorer import Scorer
from srbench.system.memory import available

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import torch

    from srbench.catalog.catalog import Catalog
    from srbench.execution.events import Emit
    from srbench.execution.jobs import Job
    from srbench.inference.tiler import Tiler
    from srbench.scoring.samples import Sample
    from srbench.specs import ImagePair
    from srbench.system.stopwatch import Stopwatch

STORE_BYTES = 768 * 2**20
"""What depends on HR alone is kept for the next method within this, on a GPU within an eighth of what is free."""
GPU_BATCH = 8
"""Images of one size that a GPU is given at once."""
DECODERS = min(8, max(2, (os.cpu_count() or 2) // 2))
"""Threads that decode a job's images while the network works on those before."""


class ImageScoring:
    """Scores jobs' images on a device, keeping samples and prepared references warm for the next method."""

    def __init__(self, catalog: Catalog, device: torch.device, stopwatch: Stopwatch) -> None:
        self.catalog, self.device, self.stopwatch = catalog, device, stopwatch
        on_gpu = device.type == "cuda"
        self.store = ReferenceStore(max(STORE_BYTES, available(device) // 8) if on_gpu else STORE_BYTES)
        self.scorer = Scorer(self.store)
        self.batch = GPU_BATCH if on_gpu else 1
        self._written: set[Path] = set()
        """Files of HR and LR that are there already."""
        self._chunk: set[tuple[Any, ...]] = set()
        """Keys of the last job's images."""

    def run(
        self, job: Job, tiler: Tiler, pairs: Mapping[str, ImagePair], emit: Emit, *, stochastic: bool = False
    ) -> None:
        """Upscale, score and, where that is asked for, save the images of a job.

        Args:
            job: names the images and the values wanted of each.
            tiler: the method.
            pairs: the job's images by name.
            emit: takes each value and each image as it is done.
            stochastic: whether the output depends on the batch; images then go through alone.

        Raises:
            MethodError: the method fails or breaks the contract.
            SRBenchError: an image cannot be read or written.
        """
        self._forget_other_chunks(job)
        with ThreadPoolExecutor(DECODERS) as decoders, ThreadPoolExecutor(1) as encoder:
            pending = {name: self._start_decoding(decoders, job, pairs[name]) for name in job.images}
            writing: list[tuple[str, Future[None]]] = []
            try:
                for group in self._groups(job, pending, 1 if stochastic else self.batch):
                    outputs = self._upscale(tiler, group)
                    self._score(job, group, outputs, tiler.used, emit)
                    for name, sample in group.items():
                        if target := job.save_to.get(name):
                            writing.append((name, encoder.submit(self._write, target, outputs[name], sample)))
                        else:
                            emit(ImageDone(name, saved=False))
            finally:
                decoders.shutdown(cancel_futures=True)
                self.scorer.forget()
                with self.stopwatch("waiting"):
                    for name, future in writing:
                        future.result()
                        emit(ImageDone(name, saved=True))

    def _groups(self, job: Job, pending: dict[str, Callable[[], Sample]], batch: int) -> Iterator[dict[str, Sample]]:
        """Yield images by name that go through the network and the metrics together: those of one size, on a GPU.

        At most two batches' worth of images wait for others of their size; then those that came first go.
        """
        groups: dict[Any, dict[str, Sample]] = {}
        for name in job.images:
            with self.stopwatch("waiting"):
                sample = self.store.get(_key(job, name), pending.pop(name))
            kind = sample.lr.shape, sample.hr.shape, sample.grey
            group = groups.setdefault(kind, {})
            group[name] = sample
            if len(group) == batch:
                yield groups.pop(kind)
            elif sum(map(len, groups.values())) >= 2 * batch:
                yield groups.pop(next(iter(groups)))
        yield from groups.values()

    def _upscale(self, tiler: Tiler, group: dict[str, Sample]) -> dict[str, torch.Tensor]:
        """Return SR of images of one size, ``(3, H, W)`` uint8 each."""
        with self.stopwatch("forward"):
            try:
                sr = upscale_samples(lambda lr: tiler(lr, to_8bit), group.values())
            except MethodError as error:
                raise MethodError(f"{error} (image {', '.join(group)})", error.code) from error
            synchronise(self.device)
        return dict(zip(group, sr, strict=True))

    def _score(
        self, job: Job, group: dict[str, Sample], outputs: dict[str, torch.Tensor], tile: int, emit: Emit
    ) -> None:
        metrics = self.catalog.metrics
        cells = {(name, cell.metric, cell.protocol): cell for name in group for cell in job.images[name]}
        wanted = {
            name: [Criterion.of(metrics[cell.metric], cell.protocol) for cell in job.images[name]] for name in group
        }
        keys = {name: f"{job.dataset}/{name}" for name in group}
        with self.stopwatch("metrics"):
            for name, criterion, score in score_samples(
                self.scorer, group, outputs, wanted, keys, lambda metric: metrics.owner(metric).home
            ):
                key = cells[(name, *criterion.names)].key
                emit(ValueScored(key, score.value, score.reason, score.code, tile))

    def _write(self, target: str, sr: torch.Tensor, sample: Sample) -> None:
        """Write SR, and HR and LR beside it, once for all methods."""
        path = Path(target)
        with self.stopwatch("write"):
            write(path, to_picture(sr, grey=sample.grey))
            for kind, image in (("HR", sample.hr), ("LR", sample.lr)):
                file = path.parent.with_name(kind) / path.name
                if file not in self._written:
                    write(file, to_picture(image, grey=sample.grey))
                    self._written.add(file)

    def _start_decoding(self, decoders: ThreadPoolExecutor, job: Job, pair: ImagePair) -> Callable[[], Sample]:
        """Begin to decode an image unless it is kept; the function returned waits for it."""

        def load() -> Sample:
            with self.stopwatch("decode"):
                return load_sample(pair, job.scale, self.device, get_degradation(job.degradation))

        if _key(job, pair.name) in self.store:
            return load  # not called, unless it is forgotten until then
        return decoders.submit(load).result

    def _forget_other_chunks(self, job: Job) -> None:
        """Drop what is kept of other images: the next methods of a run are given the same chunk, or a later one."""
        chunk = {_key(job, name) for name in job.images}
        if not chunk & self._chunk:
            self.store.clear()
        self._chunk = chunk


def _key(job: Job, name: str) -> tuple[Any, ...]:
    return "sample", job.dataset, name, job.scale, job.degradation
