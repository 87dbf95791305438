"""Making benchmark LR, beside torch's own antialiased bicubic (which is not the benchmark's)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from benchmarks.side_by_side import side_by_side
from srbench.resize import degrade

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

MEGAPIXELS = 480 * 320 / 1e6


@pytest.fixture(scope="module")
def hr() -> torch.Tensor:
    return torch.randint(0, 256, (3, 320, 480), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.benchmark(group="LR x1/4 of 480x320")
def test_degrade(benchmark: BenchmarkFixture, hr: torch.Tensor) -> None:
    """At most twice as long as torch's own."""
    benchmark.extra_info["megapixels"] = MEGAPIXELS
    assert benchmark(degrade, hr, 4).shape == (3, 80, 120)
    if benchmark.enabled:
        image = hr[None].float()
        ratio = side_by_side(lambda: degrade(hr, 4), lambda: _interpolate(image), rounds=51)
        benchmark.extra_info["times as fast as torch"] = round(ratio, 2)
        assert ratio >= 0.5


@pytest.mark.benchmark(group="LR x1/4 of 480x320")
def test_torch_interpolate(benchmark: BenchmarkFixture, hr: torch.Tensor) -> None:
    benchmark.extra_info["megapixels"] = MEGAPIXELS
    assert benchmark(_interpolate, hr[None].float()).shape == (1, 3, 80, 120)


def _interpolate(image: torch.Tensor) -> torch.Tensor:
    options = {"scale_factor": 0.25, "mode": "bicubic", "antialias": True, "align_corners": False}
    return torch.nn.functional.interpolate(image, **options)
