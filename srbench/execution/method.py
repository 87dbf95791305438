"""A method in use: its network at one scale with its weights, which upscales LR and is timed. It never sees HR."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from srbench.execution.agreement import compare_method
from srbench.images.tensors import to_8bit, to_float
from srbench.inference.build import build_net, random_weights
from srbench.inference.constancy import Constancy
from srbench.inference.enlarger import Enlarger
from srbench.inference.precision import Inference
from srbench.inference.speed import SpeedSettings, count, doubt, measure, synchronise
from srbench.inference.tiler import Tiler
from srbench.system.memory import available

if TYPE_CHECKING:
    import torch

    from srbench.catalog.catalog import Catalog
    from srbench.execution.jobs import Job, Session


META_S = 0.7
"""Seconds that torch takes to load what runs operators of shapes alone."""


@dataclass(frozen=True)
class Upscaled:
    """SR of a batch of LR."""

    sr: torch.Tensor
    """``(N, 3, h*scale, w*scale)`` uint8."""
    tile: int
    """Height and width of tiles in LR pixels; 0 if the images were processed whole."""


@dataclass(frozen=True)
class Costs:
    """What a measurement of speed returns."""

    figures: dict[str, Any]
    """By the names of `srbench.inference.speed.Speed`."""
    remark: str = ""
    """What of it cannot be true; empty if nothing is."""


class Method(Protocol):
    """A method in use, in this process or in one of its own."""

    remark: str
    """What is to be said of its weights; empty if nothing is."""
    stochastic: bool
    """Whether its output depends on the batch."""

    def upscale(self, lr: torch.Tensor) -> Upscaled:
        """Return SR of LR, ``(N, 3, h, w)`` uint8.

        Raises:
            SRBenchError: the method failed.
        """

    def remarks(self) -> dict[str, str]:
        """Return what is to be said of the outputs since the last call, by topic such as ``range``."""

    def costs(self, settings: SpeedSettings, photographs: torch.Tensor | None, seed: int) -> Costs:
        """Return the parameters, multiply-accumulates and, if wanted, times of a forward pass.

        Args:
            settings: what to measure.
            photographs: what is upscaled, ``(3, H, W)`` uint8; None where nothing is timed.
            seed: chooses the inputs, and the passes whose outputs are checked.

        Raises:
            SRBenchError: the method failed.
        """


def reset_torch(threads: int) -> None:
    """Set torch's global settings, which plugins may have changed, to those of every job."""
    import torch

    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)  # not "cpu": that would add overhead to each call of torch
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False  # "fp32" means fp32
    torch.backends.cudnn.allow_tf32 = False


class Network:
    """A method in this process.

    Args:
        catalog: holds the method.
        session: device, precision, tiles and the limit of memory.
        job: names the method, the scale and the weights, and the hashes that these must have.
        device: the device.
        held: bytes that the run's other processes hold.

    Raises:
        SRBenchError: the method does not exist or differs from what is expected, or cannot be built.
    """

    def __init__(self, catalog: Catalog, session: Session, job: Job, device: torch.device, held: int = 0) -> None:
        name = job.reference or job.method
        self._spec, self._device, self._scale = catalog.models[name], device, job.scale
        plugin = catalog.models.owner(name)
        self.home = plugin.home
        if job.expected:
            compare_method(job.expected, plugin, job.weights, self._spec.more_files)
        module = build_net(self._spec, job.scale, device, Path(job.weights) if job.weights else None)
        self.remark = random_weights(self._spec, module, job.scale)
        self.stochastic = self._spec.stochastic
        self._net = Inference(module, device, session.precision, compiled=session.compiled)
        self._seconds_per_pixel = math.inf
        limit = session.max_memory
        max_bytes = max(1, available(device, max(1, limit - held)) // 2) if limit else 0
        fill = session.compiled and not self._net.outside_torch
        self._tiler = Tiler(Enlarger.of(self._spec, self._net, job.scale), device, session.tile, max_bytes, fill=fill)
        self._constancy = Constancy(self._tiler.enlarger, device, stochastic=self._spec.stochastic)

    def upscale(self, lr: torch.Tensor) -> Upscaled:
        """Return SR of LR; see `Method`."""
        self._constancy.begin()
        start = time.perf_counter()
        sr = self._tiler(to_float(lr.to(self._device)), to_8bit)
        synchronise(self._device)
        pixels = len(lr) * lr.shape[-2] * lr.shape[-1]
        self._seconds_per_pixel = min(self._seconds_per_pixel, (time.perf_counter() - start) / pixels)
        return Upscaled(sr, self._tiler.used)

    def remarks(self) -> dict[str, str]:
        """Return what is to be said of the outputs since the last call; see `Method`."""
        remarks = {"range": self._tiler.enlarger.take_remark(), "state": self._constancy.remark()}
        return {topic: text for topic, text in remarks.items() if text}

    def costs(self, settings: SpeedSettings, photographs: torch.Tensor | None, seed: int) -> Costs:
        """Return parameters, multiply-accumulates and times; see `Method`."""
        spec = self._spec
        if not settings.timed:
            expected_s = self._seconds_per_pixel * settings.size**2 * settings.batch
            return Costs(count(self._net, spec.multiple, settings, spec.smallest, computed=expected_s < META_S))
        sizes = spec.multiple, self._device, settings, spec.smallest
        speed = measure(self._net, self._scale, *sizes, photographs, seed=seed, stochastic=spec.stochastic)
        return Costs(speed.as_dict(), doubt(speed, self._net, self._scale, *sizes))
