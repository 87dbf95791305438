"""Forward passes and training steps of every method there is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import torch

from benchmarks.bench_training import step_of
from benchmarks.gate import DEVICE
from benchmarks.side_by_side import is_fast_in_bf16, side_by_side
from srbench.catalog.catalog import Catalog
from srbench.errors import AssetError
from srbench.inference.precision import Inference
from srbench.inference.speed import synchronise
from srbench.store.backbones import only_local

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

SCALE = 4
LONG_S = 3.0
"""A pass or a step that takes longer, in seconds, is timed once."""
METHODS = Catalog.load().models.specs
NETWORKS = list({spec.build: name for name, spec in reversed(METHODS.items())}.values())[::-1]
"""The first method of each network: what the others learn makes them no faster."""


@pytest.mark.benchmark(group="forward pass, x4, LR 256x256")
@pytest.mark.parametrize("method", NETWORKS)
def test_forward(benchmark: BenchmarkFixture, method: str) -> None:
    size, small = 256 if benchmark.enabled else 32, 32
    net = Inference(METHODS[method].build(SCALE).eval().to(DEVICE), DEVICE)
    lr = {side: torch.rand(1, 3, side, side, device=DEVICE) for side in (size, small)}

    @torch.inference_mode()
    def forward(side: int = size) -> torch.Tensor:
        sr: torch.Tensor = net(lr[side])
        synchronise(DEVICE)
        return sr

    benchmark.extra_info["megapixels"] = (SCALE * size) ** 2 / 1e6
    often = {"rounds": 3, "warmup_rounds": 1}
    if benchmark.enabled:
        forward(small)
        begin = time.perf_counter()
        forward(small)
        if (time.perf_counter() - begin) * (size / small) ** 2 > LONG_S:
            often = {"rounds": 1}  # beside so much work a warm-up changes nothing
    assert benchmark.pedantic(forward, **often).shape == (1, 3, SCALE * size, SCALE * size)


@pytest.mark.benchmark(group="srresnet, x4, LR 256x256: bf16 beside plain fp32")
def test_bf16(benchmark: BenchmarkFixture) -> None:
    """At least twice as fast as fp32 as torch runs it without being told more; 4 times on a GPU, compiled.

    On a processor for which bf16 is no gain, how much slower it is is only shown, of 32x32.
    """
    gains = not benchmark.enabled or is_fast_in_bf16(DEVICE.type)
    size, cuda = 256 if benchmark.enabled and gains else 32, DEVICE.type == "cuda"
    benchmark.extra_info["megapixels"] = (SCALE * size) ** 2 / 1e6
    plain = METHODS["srresnet"].build(SCALE).eval().to(DEVICE)
    net = Inference(METHODS["srresnet"].build(SCALE).eval().to(DEVICE), DEVICE, "bf16", compiled=cuda)
    lr = torch.rand(1, 3, size, size, device=DEVICE)

    @torch.inference_mode()
    def ours() -> torch.Tensor:
        sr: torch.Tensor = net(lr)
        synchronise(DEVICE)
        return sr

    @torch.inference_mode()
    def theirs() -> None:
        plain(lr)
        synchronise(DEVICE)

    assert benchmark.pedantic(ours, rounds=3, warmup_rounds=1).isfinite().all()
    if benchmark.enabled:
        ratio = side_by_side(ours, theirs, rounds=9)
        benchmark.extra_info.update({"precision": "bf16", "times as fast as fp32": round(ratio, 2)})
        assert ratio >= (4 if cuda else 2) or not gains


@pytest.mark.benchmark(group="training step, x4, 4 patches of 96x96")
@pytest.mark.parametrize("method", [name for name, spec in METHODS.items() if spec.recipe])
def test_training_step(benchmark: BenchmarkFixture, method: str) -> None:
    precision = "bf16" if benchmark.enabled and is_fast_in_bf16(DEVICE.type) else "fp32"
    if SCALE not in METHODS[method].scales:
        pytest.skip(f"{method} does not do x{SCALE}")
    try:
        with only_local():
            step = step_of(method, precision)
    except AssetError as error:
        pytest.skip(str(error).partition(":")[0])
    generator = torch.Generator().manual_seed(0)
    count = 4 if benchmark.enabled else 2
    lr, hr = (torch.rand(count, 3, side, side, generator=generator) for side in (24, 96))
    batch = [images.to(DEVICE, memory_format=torch.channels_last) for images in (lr, hr)]
    benchmark.extra_info.update({"precision": precision, "megapixels": count * 96**2 / 1e6})
    often = {"rounds": 3}
    if benchmark.enabled:
        begin = time.perf_counter()
        step(*batch)  # warms up
        synchronise(DEVICE)
        if DEVICE.type == "cpu" and time.perf_counter() - begin > LONG_S:
            often = {"rounds": 1}
    scalars = benchmark.pedantic(step, args=batch, **often)
    assert all(torch.as_tensor(value).isfinite().all() for value in scalars.values())
