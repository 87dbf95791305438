"""Scoring jobs, one method on a chunk of images: decode ahead, group by size, upscale, score, save."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from srbench.errors import MethodError
from srbench.execution.agreement import compare_images
from srbench.execution.events import ImageDone, MetricsBegun, Remarked, ValueScored
from srbench.images.degradations import get_degradation
from srbench.images.tensors import to_picture
from srbench.images.write import write
from srbench.scoring.outputs import Criterion, score_samples
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import load_sample
from srbench.scoring.scorer import Scorer
from srbench.scoring.sr_folders import read_sr
from srbench.scoring.steadiness import Steadiness
from srbench.store.hashes import size_and_hash
from srbench.system.memory import available

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from srbench.catalog.catalog import Catalog
    from srbench.execution.events import Emit
    from srbench.execution.jobs import Job
    from srbench.execution.method import Method
    from srbench.scoring.samples import Sample
    from srbench.specs import ImagePair
    from srbench.system.stopwatch import Stopwatch

STORE_BYTES = 768 * 2**20
"""Size of the cache of samples and prepared references; on a GPU an eighth of the free memory if that is more."""
GPU_BATCH = 8
"""Batch size on a GPU, for images of one size."""
DECODERS = min(8, max(2, (os.cpu_count() or 2) // 2))
"""Threads that decode the next images of a job while the network runs."""


class ImageScoring:
    """Scores the images of jobs on a device; caches samples and prepared references for the next method."""

    def __init__(self, catalog: Catalog, device: torch.device, stopwatch: Stopwatch) -> None:
        self.catalog, self.device, self.stopwatch = catalog, device, stopwatch
        on_gpu = device.type == "cuda"
        self.store = ReferenceStore(max(STORE_BYTES, available(device) // 8) if on_gpu else STORE_BYTES)
        self.scorer = Scorer(self.store)
        self.steadiness = Steadiness(catalog, self.scorer, device)
        self.batch = GPU_BATCH if on_gpu else 1
        self._written: dict[Path, dict[str, Any]] = {}
        """HR and LR files written so far, with size and hash."""
        self._chunk: set[tuple[Any, ...]] = set()
        """Keys of the last job's images."""

    def run(self, job: Job, method: Method | None, pairs: Mapping[str, ImagePair], emit: Emit) -> None:
        """Upscale, score and, if the job says so, save images.

        Args:
            job: names the images and the values to compute of each.
            method: upscales; None if the job names files of SR, which are read instead. One whose output depends on
                the batch gets one image at a time.
            pairs: the job's images by name.
            emit: receives each value and each image as it is done.

        Raises:
            MethodError: the method fails, or its output has a wrong shape or is not finite.
            SRBenchError: an image cannot be read or written.
        """
        self._forget_other_chunks(job)
        with ThreadPoolExecutor(DECODERS) as decoders, ThreadPoolExecutor(1) as encoder:
            pending = {name: self._start_decoding(decoders, job, pairs[name]) for name in job.images}
            writing: list[tuple[str, Future[dict[str, dict[str, Any]]]]] = []
            try:
                for group in self._groups(job, pending, 1 if method and method.stochastic else self.batch):
                    outputs, tile = self._upscale(method, group) if method else (self._read(job, group, pairs, emit), 0)
                    self._score(job, group, outputs, tile, emit)
                    for name, sample in group.items():
                        if target := job.save_to.get(name):
                            writing.append((name, encoder.submit(self._write, target, outputs[name], sample)))
                        else:
                            emit(ImageDone(name, saved=False))
                if remark := self.steadiness.remark():
                    emit(Remarked("metrics", remark))
                for topic, text in method.remarks().items() if method else ():
                    emit(Remarked(topic, text))
            finally:
                decoders.shutdown(cancel_futures=True)
                self.scorer.forget()
                with self.stopwatch("waiting"):
                    for name, future in writing:
                        emit(ImageDone(name, saved=True, files=future.result()))

    def _groups(self, job: Job, pending: dict[str, Callable[[], Sample]], batch: int) -> Iterator[dict[str, Sample]]:
        """Yield batches of images of one size, by name.

        At most two batches' worth of images wait for others of their size; then the oldest group is yielded.
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

    def _upscale(self, method: Method, group: dict[str, Sample]) -> tuple[dict[str, torch.Tensor], int]:
        """Return SR of images of one size, ``(3, H, W)`` uint8 each, and the height and width of tiles."""
        with self.stopwatch("forward"):
            try:
                done = method.upscale(torch.stack([sample.lr for sample in group.values()]))
            except MethodError as error:
                raise MethodError(f"{error} (image {', '.join(group)})", error.code) from error
            sr = done.sr.to(self.device)
        return dict(zip(group, sr, strict=True)), done.tile

    def _read(
        self, job: Job, group: dict[str, Sample], pairs: Mapping[str, ImagePair], emit: Emit
    ) -> dict[str, torch.Tensor]:
        """Return SR from the job's files, ``(3, H, W)`` uint8 each, and emit what is odd about them."""
        with self.stopwatch("decode"):
            images = {
                name: read_sr(Path(job.outputs[name]), pairs[name], sample.hr, job.scale)
                for name, sample in group.items()
            }
        for topic, text in {item for image in images.values() for item in image.remarks.items()}:
            emit(Remarked(topic, text))
        return {name: image.pixels for name, image in images.items()}

    def _score(
        self, job: Job, group: dict[str, Sample], outputs: dict[str, torch.Tensor], tile: int, emit: Emit
    ) -> None:
        metrics = self.catalog.metrics
        cells = {(name, cell.metric, cell.protocol): cell for name in group for cell in job.images[name]}
        criteria = {
            name: [Criterion.of(metrics[cell.metric], cell.protocol) for cell in job.images[name]] for name in group
        }
        keys = {name: f"{job.dataset}/{name}" for name in group}
        emit(MetricsBegun())
        with self.stopwatch("metrics"):
            self.steadiness.begin(criterion for each in criteria.values() for criterion in each)
            for name, criterion, score in score_samples(
                self.scorer, group, outputs, criteria, keys, lambda metric: metrics.owner(metric).home
            ):
                key = cells[(name, *criterion.names)].key
                emit(ValueScored(key, score.value, score.reason, score.code, tile))

    def _write(self, target: str, sr: torch.Tensor, sample: Sample) -> dict[str, dict[str, Any]]:
        """Write SR; also HR and LR, once for all methods. Return size and hash of each."""
        path = Path(target)
        with self.stopwatch("write"):
            write(path, to_picture(sr, grey=sample.grey))
            files = {"sr": size_and_hash(path)}
            for kind, image in (("HR", sample.hr), ("LR", sample.lr)):
                file = path.parent.with_name(kind) / path.name
                if file not in self._written:
                    write(file, to_picture(image, grey=sample.grey))
                    self._written[file] = size_and_hash(file)
                files[kind.lower()] = self._written[file]
        return files

    def _start_decoding(self, decoders: ThreadPoolExecutor, job: Job, pair: ImagePair) -> Callable[[], Sample]:
        """Start decoding an image unless it is cached; return a function that waits for it."""

        def load() -> Sample:
            with self.stopwatch("decode"):
                compare_images(job.expected, {pair.name: pair}, job.degradation)
                return load_sample(pair, job.scale, self.device, get_degradation(job.degradation))

        if _key(job, pair.name) in self.store:
            return load  # called only if it is evicted before
        return decoders.submit(load).result

    def _forget_other_chunks(self, job: Job) -> None:
        """Clear the cache for a new chunk: methods get the chunks in the same order, so old ones do not return."""
        chunk = {_key(job, name) for name in job.images}
        if not chunk & self._chunk:
            self.store.clear()
        self._chunk = chunk


def _key(job: Job, name: str) -> tuple[Any, ...]:
    return "sample", job.dataset, name, job.scale, job.degradation
