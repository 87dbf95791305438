"""Samplers of training patches: from all images in memory, or from pools of images that are streamed.

A dataset that does not fit in memory is trained on pool by pool. `VISITS` patches are drawn of each image of a pool,
on average; meanwhile other processes decode the next pool.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from srbench.errors import ImageError, SRBenchError, UsageError, reason_of
from srbench.images.read import read_8bit
from srbench.images.tensors import planes
from srbench.training.data.patches import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from srbench.system.terminal import UI
    from srbench.training.data.find import TrainingImage
    from srbench.training.data.patches import Patches

VISITS = 32
"""Patches drawn of each image of a pool, on average; a higher number means less decoding."""

Ready = tuple[torch.Tensor, torch.Tensor | None]


class Sampler(Protocol):
    """Draws the patches of a training."""

    left_out: set[Path]
    """HR files of images that are not drawn from; a streaming sampler learns of them as it goes."""

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return LR and HR patches of a step; see `Pool.draw`."""

    def close(self) -> None:
        """Stop decoding."""


def open_sampler(
    images: list[TrainingImage], patches: Patches, memory: int, device: torch.device, ui: UI
) -> tuple[Sampler, bool]:
    """Return a sampler, and whether it streams because the images do not fit in memory.

    Args:
        images: the training images.
        patches: how patches are drawn.
        memory: largest size of the decoded images, in bytes.
        device: stores the pixels and cuts the patches.
        ui: is told about small images, streaming and images that cannot be read.

    Raises:
        UsageError: no image can be used.
    """
    given, images = images, _large_enough(images, patches, ui)
    small_pairs = {image.path for image in given} - {image.path for image in images}
    if small := sum(min(image.height, image.width) < patches.patch for image in images):
        parts = "smaller crops of them" if patches.crop == "random" else "their largest squares"
        count = f"{small} of {len(images)} images are smaller than {patches.patch} pixels"
        ui.warn(f"{count}: {parts} are enlarged to a patch")
    need = sum(patches.bytes(image.height, image.width) for image in images)
    if need <= memory:
        in_memory = InMemory(images, patches, device, ui)
        in_memory.left_out |= small_pairs
        return in_memory, False
    ui.note(f"{len(images)} images need {_size(need)}, more than --data-memory {_size(memory)}: they are streamed")
    streaming = Streaming(images, patches, memory, device, ui)
    streaming.left_out |= small_pairs
    return streaming, True


def _large_enough(images: list[TrainingImage], patches: Patches, ui: UI) -> list[TrainingImage]:
    """Return the images without pairs smaller than a patch: LR that is given cannot be enlarged with its HR.

    Raises:
        UsageError: no image is left, or crops are random, of which LR cannot be given.
    """
    if patches.crop == "random" and any(image.lr for image in images):
        raise UsageError("--crop random makes LR from its crops, but these data have LR of their own; use --crop fixed")
    large = [image for image in images if not image.lr or min(image.height, image.width) >= patches.patch]
    if small := len(images) - len(large):
        text = f"{small} of {len(images)} images are smaller than {patches.patch} pixels, and their LR is given"
        if not large:
            raise UsageError(f"{text}; --patch sets a smaller size")
        ui.warn(f"{text}: left out")
    return large


class InMemory:
    """Draws from all images, decoded once."""

    def __init__(self, images: list[TrainingImage], patches: Patches, device: torch.device, ui: UI) -> None:
        self._pool = Pool([(image.height, image.width) for image in images], patches, device)
        self.left_out: set[Path] = set()
        files = _Files(images, patches)
        with (
            ui.track("decoding images", len(images)) as advance,
            warnings.catch_warnings(action="ignore"),  # not in threads: it is global
            ThreadPoolExecutor() as threads,
        ):
            for i, ready in enumerate(_ahead(threads, files, len(images))):
                if isinstance(ready, str):
                    self.left_out.add(images[i].path)
                    ui.warn(f"left out: {ready}")
                else:
                    self._pool.put(i, *ready)
                advance("")

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return LR and HR patches of a step."""
        return self._pool.draw(step)

    def close(self) -> None:
        """Nothing is open."""


class Streaming:
    """Draws from pools of images in a seeded order; the current and the next pool take half of the memory each."""

    def __init__(
        self, images: list[TrainingImage], patches: Patches, memory: int, device: torch.device, ui: UI
    ) -> None:
        self._images, self._patches, self._memory, self._device, self._ui = images, patches, memory, device, ui
        self.left_out: set[Path] = set()
        self._pool: Pool | None = None
        self._first = self._end = 0
        self._coming: _Coming | None = None

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return LR and HR patches of a step; wait for the next pool if it is not decoded yet.

        Raises:
            UsageError: no image of a pool can be used.
        """
        if self._pool is None or not self._first <= step < self._end:
            if self._coming is None or step != self._end:  # the start, or a jump
                self.close()
                self._coming = _Coming(self._schedule(step), self._images, self._patches, self._device)
            self._pool = None  # frees its memory before a third pool is started
            self._first, self._end, self._pool, faults = self._coming.next()
            for path, fault in faults.items():
                if path not in self.left_out:
                    self.left_out.add(path)
                    self._ui.warn(f"left out: {fault}")
        return self._pool.draw(step)

    def close(self) -> None:
        """Stop the processes that decode."""
        if self._coming:
            self._coming.close()
            self._coming = None

    def _schedule(self, step: int) -> Iterator[tuple[int, int, list[int]]]:
        """Yield first step, end step and images of each pool, starting with the pool of a step."""
        first = 0
        for pool in self._pools():
            end = first + max(1, -(-len(pool) * VISITS // self._patches.per_step))
            if end > step:
                yield first, end, pool
            first = end

    def _pools(self) -> Iterator[list[int]]:
        """Yield the images of each pool, without end: consecutive permutations, cut where a pool is full."""
        sizes = [self._patches.bytes(image.height, image.width) for image in self._images]
        pool: list[int] = []
        room = self._memory // 2
        for epoch in itertools.count():
            for i in np.random.default_rng((self._patches.seed, epoch, 1)).permutation(len(sizes)).tolist():
                if pool and room < sizes[i]:
                    yield pool
                    pool, room = [], self._memory // 2
                pool.append(i)
                room -= sizes[i]


class _Coming:
    """Decodes the pools of a schedule in separate processes, one pool ahead."""

    def __init__(
        self,
        schedule: Iterator[tuple[int, int, list[int]]],
        images: list[TrainingImage],
        patches: Patches,
        device: torch.device,
    ) -> None:
        plan, order = itertools.tee(schedule)
        self._plan, self._images, self._patches, self._device = plan, images, patches, device
        self._stopped = False
        loader = DataLoader(
            _Files(images, patches),
            batch_size=None,
            sampler=_Order(order),
            num_workers=max(1, min(4, (os.cpu_count() or 1) // 2)),
            prefetch_factor=4,
            generator=torch.Generator(),  # the global one is the training's
            worker_init_fn=_deaf,
        )
        before = signal.getsignal(signal.SIGCHLD)
        self._ready = iter(loader)  # forks, so before any thread starts
        if threading.current_thread() is threading.main_thread():
            # torch's handler would raise in the middle of a step; `next` reports a dead worker instead
            signal.signal(signal.SIGCHLD, before)
        self._next = self._begin()

    def next(self) -> tuple[int, int, Pool, dict[Path, str]]:
        """Wait for the next pool and start the one after it; return its first step, end step, pool and faults.

        Raises:
            SRBenchError: a decoding process was killed.
        """
        try:
            result = self._next.result()
        except (RuntimeError, OSError, EOFError) as error:  # raised by the DataLoader for it
            reason = reason_of(error)
            raise SRBenchError(
                f"decoding of training images failed: {reason}; --resume continues the training"
            ) from error
        self._next = self._begin()
        return result

    def close(self) -> None:
        """Stop decoding."""
        self._stopped = True

    def _begin(self) -> Future[tuple[int, int, Pool, dict[Path, str]]]:
        future: Future[tuple[int, int, Pool, dict[Path, str]]] = Future()
        threading.Thread(target=self._fill, args=(future,), daemon=True).start()  # must not keep the program alive
        return future

    def _fill(self, future: Future[tuple[int, int, Pool, dict[Path, str]]]) -> None:
        try:
            first, end, members = next(self._plan)
            pool = Pool([(self._images[i].height, self._images[i].width) for i in members], self._patches, self._device)
            faults = {}
            for index, member in enumerate(members):
                if self._stopped:
                    break
                ready: Ready | str = next(self._ready)
                if isinstance(ready, str):
                    faults[self._images[member].path] = ready
                else:
                    pool.put(index, *ready)
            future.set_result((first, end, pool, faults))
        except Exception as error:  # noqa: BLE001  # raised again in the training's thread
            future.set_exception(error)


class _Order:
    """The images of a schedule, in order."""

    def __init__(self, schedule: Iterator[tuple[int, int, list[int]]]) -> None:
        self._schedule = schedule

    def __iter__(self) -> Iterator[int]:
        for _, _, members in self._schedule:
            yield from members


class _Files(Dataset[Ready | str]):
    """Decodes one image and prepares it by `Patches.ready`; an error is returned as text."""

    def __init__(self, images: list[TrainingImage], patches: Patches) -> None:
        self.images, self.patches = images, patches

    def __getitem__(self, i: int) -> Ready | str:
        image = self.images[i]
        try:
            pixels = torch.from_numpy(planes(read_8bit(image.path)))
            given = None if image.lr is None else torch.from_numpy(planes(read_8bit(image.lr)))
        except ImageError as error:
            return str(error)
        scale = self.patches.scale
        if fault := _changed(image.path, pixels, image.height, image.width):
            return fault
        lr_size = image.height // scale, image.width // scale
        if image.lr is not None and given is not None and (fault := _changed(image.lr, given, *lr_size)):
            return fault
        return self.patches.ready(pixels, given)


def _changed(path: Path, pixels: torch.Tensor, height: int, width: int) -> str:
    """Return a fault if an image has another size than its header said; else an empty text."""
    if pixels.shape[1:] == (height, width):
        return ""
    return (
        f"{path}: was {width}x{height} by its header, is {pixels.shape[2]}x{pixels.shape[1]}: it changed while "
        "training, or EXIF data behind its pixels turns it"
    )


def _ahead(threads: ThreadPoolExecutor, files: _Files, count: int) -> Iterator[Ready | str]:
    """Decode in threads, at most 8 images ahead, to limit memory."""
    waiting: list[Future[Ready | str]] = []
    for i in range(count):
        waiting.append(threads.submit(files.__getitem__, i))
        if len(waiting) > 8:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def _deaf(_worker: int) -> None:
    """Ignore Ctrl-C in a worker: the training handles it and ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**28 else f"{count / 2**20:.1f} MiB"
