"""Measure a method's cost: latency, throughput, parameters, MACs and memory at one input size.

Every iteration is synchronised with the device before the clock is read.
"""

from __future__ import annotations

import contextlib
import copy
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from srbench.inference.macs import MacCounter
from srbench.inference.precision import TYPES, Inference
from srbench.inference.upscale import accepted, upscale
from srbench.system.memory import held_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class SpeedSettings:
    """LR height and width in pixels, images per batch, and duration of the measurement in seconds."""

    size: int = 256
    batch: int = 1
    seconds: float = 2.0
    timed: bool = True
    """False: parameters and multiply-accumulates are counted, and nothing is timed."""


@dataclass(frozen=True)
class Speed:
    """Figures of one input size: latency, MACs and memory per batch, throughput in images and output megapixels.

    Latency and throughput are medians.
    """

    latency_ms: float
    latency_p10_ms: float
    latency_p90_ms: float
    images_per_s: float
    mpix_per_s: float
    iterations: int
    params: int
    macs: int | None
    """None, as the memory, if the network computes outside torch."""
    peak_mem_mib: float | None

    def as_dict(self) -> dict[str, float | None]:
        """Return the figures by name."""
        return asdict(self)


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def measure(
    net: torch.nn.Module, scale: int, multiple: int, device: torch.device, settings: SpeedSettings, smallest: int = 1
) -> Speed:
    """Measure a network on random LR images, their size rounded up to what the network takes.

    After a warm-up it runs until the time is over, but at least 5 and at most 1000 times. MACs are
    counted as in `srbench.inference.macs`. Memory is the peak of tensor
    memory during one forward pass, including weights, buffers and input: on CUDA as the allocator reports it, elsewhere
    the sum of live tensor storages.

    Raises:
        MethodError: the output has a wrong shape or is not finite.
    """
    generator = torch.Generator().manual_seed(0)
    size = accepted(settings.size, multiple, smallest)
    lr = torch.rand(settings.batch, 3, size, size, generator=generator).to(device)
    params = sum(parameter.numel() for parameter in net.parameters())

    upscale(net, lr, scale, multiple)  # checks the output, and makes the first, slower call

    @torch.inference_mode()
    def forward() -> None:
        net(lr)
        synchronise(device)

    @torch.inference_mode()
    def eager() -> None:  # operators of compiled code cannot be counted
        plain(lr)
        synchronise(device)

    plain = net.eager() if isinstance(net, Inference) else net
    counted = net.eager("fp32") if isinstance(net, Inference) else net  # torch's counter fails with some autocast
    with torch.inference_mode(), MacCounter() as counter:
        counted(lr)
    outside = getattr(net, "outside_torch", False)
    with _no_fast_path(net):
        peak = None if outside else _peak_bytes(eager, net, lr, device)
    latencies = _time(forward, settings.seconds)
    p10, median, p90 = np.percentile(latencies, [10, 50, 90]) * 1000
    per_s = settings.batch * 1000 / median  # of the same statistic, so that they never contradict each other
    pixels = (size * scale) ** 2
    return Speed(
        latency_ms=float(median),
        latency_p10_ms=float(p10),
        latency_p90_ms=float(p90),
        images_per_s=float(per_s),
        mpix_per_s=float(per_s * pixels / 1e6),
        iterations=len(latencies),
        params=params,
        macs=None if outside else counter.macs,
        peak_mem_mib=None if peak is None else peak / 2**20,
    )


@contextlib.contextmanager
def _no_fast_path(net: torch.nn.Module) -> Iterator[None]:
    """Run torch's transformer layers step by step: under autocast, their fast path fails while memory is traced."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(before and getattr(net, "precision", "fp32") == "fp32")
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def count(net: torch.nn.Module, multiple: int, settings: SpeedSettings, smallest: int = 1) -> dict[str, float | None]:
    """Count parameters and multiply-accumulates, as `measure` does, without computing a pass where torch allows it.

    Shapes alone decide the counts: the pass runs on torch's meta device, which holds no values, unless the network
    needs some.

    Raises:
        Exception: whatever the network raises.
    """
    plain = net.net if isinstance(net, Inference) else net
    params = sum(parameter.numel() for parameter in plain.parameters())
    if getattr(net, "outside_torch", False):
        return {"params": params, "macs": None}
    size = accepted(settings.size, multiple, smallest)
    lr = torch.zeros(settings.batch, 3, size, size)
    try:
        macs = _macs(copy.deepcopy(plain).to("meta"), lr.to("meta"))
    except (Exception, SystemExit):  # noqa: BLE001  (whatever needs values says so in its own way)
        device = next((tensor.device for tensor in (*plain.parameters(), *plain.buffers())), lr.device)
        macs = _macs(plain, lr.to(device))
    return {"params": params, "macs": macs}


@torch.inference_mode()
def _macs(net: torch.nn.Module, lr: torch.Tensor) -> int:
    counter = MacCounter()
    with counter:
        net(lr)
    return counter.macs


def peak_flops(device: torch.device, precision: str, seconds: float) -> float:
    """Return the FLOP/s of the fastest of many large square matrix products, the upper bound for networks."""
    size = 8192 if device.type == "cuda" else 2048
    left, right = torch.rand(2, size, size, device=device, dtype=TYPES[precision] or torch.float32)

    @torch.inference_mode()
    def product() -> None:
        torch.mm(left, right)
        synchronise(device)

    return 2 * size**3 / float(_time(product, seconds).min())


def _time(forward: Callable[[], None], seconds: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    warm_until = time.perf_counter() + seconds / 4
    for _ in range(100):
        forward()
        if time.perf_counter() >= warm_until:
            break
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    while len(latencies) < 1000 and (len(latencies) < 5 or time.perf_counter() < end):
        start = time.perf_counter()
        forward()
        latencies.append(time.perf_counter() - start)
    return np.asarray(latencies)


def _peak_bytes(forward: Callable[[], None], net: torch.nn.Module, lr: torch.Tensor, device: torch.device) -> int:
    held = {tensor.untyped_storage() for tensor in (*net.parameters(), *net.buffers(), lr)}
    return held_bytes(forward, device) + sum(storage.nbytes() for storage in held)
