"""Making benchmark LR, beside torch's own antialiased bicubic (which is not the benchmark's)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from srbench.resize import degrade

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


@pytest.fixture(scope="module")
def hr() -> torch.Tensor:
    return torch.randint(0, 256, (3, 320, 480), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.benchmark(group="LR x1/4 of 480x320")
def test_degrade(benchmark: BenchmarkFixture, hr: torch.Tensor) -> None:
    assert benchmark(degrade, hr, 4).shape == (3, 80, 120)


@pytest.mark.benchmark(group="LR x1/4 of 480x320")
def test_torch_interpolate(benchmark: BenchmarkFixture, hr: torch.Tensor) -> None:
    image = hr[None].float()
    result = benchmark(
        torch.nn.functional.interpolate, image, scale_factor=0.25, mode="bicubic", antialias=True, align_corners=False
    )
    assert result.shape == (1, 3, 80, 120)
