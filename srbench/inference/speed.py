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
from srbench.inference.plausible import implausible
from srbench.inference.precision import TYPES, Inference
from srbench.inference.timed_passes import TimedPasses, read
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
    net: torch.nn.Module,
    scale: int,
    multiple: int,
    device: torch.device,
    settings: SpeedSettings,
    smallest: int = 1,
    photographs: torch.Tensor | None = None,
    *,
    seed: int = 0,
    stochastic: bool = False,
) -> Speed:
    """Measure a network on LR tiles, another one in each pass, their size rounded up to what the network takes.

    After a warm-up it runs until the time is over, but at least 5 and at most 1000 times. The outputs of a few passes,
    chosen at random, are computed once more and compared, and of each some values are read while the clock runs. MACs
    are counted as in `srbench.inference.macs`. Memory is the peak of tensor memory during one forward pass, including
    weights, buffers and input: on CUDA as the allocator reports it, elsewhere the sum of live tensor storages.

    Args:
        net: the network.
        scale: the scale factor.
        multiple: of which its input's sides must be.
        device: the device.
        settings: size, batch and duration.
        smallest: the smallest side of its input.
        photographs: what tiles are cut from, ``(3, H, W)`` uint8; noise without.
        seed: chooses the tiles and the passes that are checked.
        stochastic: outputs for one input differ, and are not compared.

    Raises:
        MethodError: the output has a wrong shape, is not finite, or is another when it is timed.
    """
    size = accepted(settings.size, multiple, smallest)
    passes = TimedPasses(_noise(size) if photographs is None else photographs, settings.batch, size, device, seed)
    lr = passes.lr
    params = sum(parameter.numel() for parameter in net.parameters())

    def untimed(lr: torch.Tensor) -> torch.Tensor:
        sr = upscale(net, lr, scale, multiple, smallest=smallest)
        synchronise(device)
        return sr

    untimed(lr)  # checks the output, and makes the first, slower call

    @torch.inference_mode()
    def forward() -> None:
        passes.sr = torch.Tensor.as_subclass(net(passes.lr), torch.Tensor)
        synchronise(device)
        read(passes.sr)

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
    latencies = _time(forward, settings.seconds, passes.next, passes.keep)
    if not stochastic:
        passes.check(untimed)
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


def doubt(
    speed: Speed,
    net: torch.nn.Module,
    scale: int,
    multiple: int,
    device: torch.device,
    settings: SpeedSettings,
    smallest: int = 1,
) -> str:
    """Return what of a measurement cannot be true, with the arguments of `measure`; empty if nothing is odd."""
    size, small = (accepted(side, multiple, smallest) for side in (settings.size, settings.size // 2))
    lr = torch.rand(settings.batch, 3, small, small, device=device)

    @torch.inference_mode()
    def half() -> None:
        sr = net(lr)
        synchronise(device)
        read(sr)

    output = torch.Size((settings.batch, 3, size * scale, size * scale))
    is_half = small <= size * 0.6
    return implausible(speed.latency_ms, speed.macs, speed.params, output, half if is_half else None, device.type)


def _noise(size: int) -> torch.Tensor:
    side = size + 64
    return torch.randint(0, 256, (3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@contextlib.contextmanager
def _no_fast_path(net: torch.nn.Module) -> Iterator[None]:
    """Run torch's transformer layers step by step: under autocast, their fast path fails while memory is traced."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(before and getattr(net, "precision", "fp32") == "fp32")
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def count(
    net: torch.nn.Module, multiple: int, settings: SpeedSettings, smallest: int = 1, *, computed: bool = False
) -> dict[str, float | None]:
    """Count parameters and multiply-accumulates, as `measure` does, without computing a pass where torch allows it.

    Shapes alone decide the counts: the pass runs on torch's meta device, which holds no values, unless the network
    needs some, or ``computed`` says that a pass takes less than the second that torch needs to load that device.

    Raises:
        Exception: whatever the network raises.
    """
    plain = net.net if isinstance(net, Inference) else net
    params = sum(parameter.numel() for parameter in plain.parameters())
    if getattr(net, "outside_torch", False):
        return {"params": params, "macs": None}
    size = accepted(settings.size, multiple, smallest)
    lr = torch.zeros(settings.batch, 3, size, size)
    macs = None if computed else _macs_of_shapes(plain, lr)
    if macs is None:
        device = next((tensor.device for tensor in (*plain.parameters(), *plain.buffers())), lr.device)
        macs = _macs(plain, lr.to(device))
    return {"params": params, "macs": macs}


def _macs_of_shapes(net: torch.nn.Module, lr: torch.Tensor) -> int | None:
    """Return the multiply-accumulates of a pass without values; None if the network needs some."""
    try:
        return _macs(copy.deepcopy(net).to("meta"), lr.to("meta"))
    except (Exception, SystemExit):  # noqa: BLE001  (whatever needs values says so in its own way)
        return None


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


def _time(
    forward: Callable[[], None],
    seconds: float,
    before: Callable[[], object] = lambda: None,
    after: Callable[[], object] = lambda: None,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the seconds of each call of ``forward``, without those of what is called before and after it."""
    warm_until = time.perf_counter() + seconds / 4
    for _ in range(100):
        before()
        forward()
        if time.perf_counter() >= warm_until:
            break
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    while len(latencies) < 1000 and (len(latencies) < 5 or time.perf_counter() < end):
        before()
        start = time.perf_counter()
        forward()
        latencies.append(time.perf_counter() - start)
        after()
    return np.asarray(latencies)


def _peak_bytes(forward: Callable[[], None], net: torch.nn.Module, lr: torch.Tensor, device: torch.device) -> int:
    held = {tensor.untyped_storage() for tensor in (*net.parameters(), *net.buffers(), lr)}
    return held_bytes(forward, device) + sum(storage.nbytes() for storage in held)
