"""PSNR and SSIM of one 480x320 pair, beside scikit-image's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from srbench.catalog import Catalog
from srbench.protocols import PROTOCOLS

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

GROUP = "PSNR + SSIM of 472x312 luma"


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = np.random.default_rng(0)
    hr = generator.uniform(16, 235, (1, 312, 472))
    return torch.from_numpy(hr + generator.normal(0, 5, hr.shape)), torch.from_numpy(hr)


@pytest.mark.benchmark(group=GROUP)
def test_shared_reference(benchmark: BenchmarkFixture, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    sr, hr = pair
    metrics = [Catalog.load().metrics[name].build() for name in ("psnr", "ssim")]
    prepared = [metric.prepare(hr, PROTOCOLS["y"]) for metric in metrics]
    values = benchmark(lambda: [metric.score(sr, p) for metric, p in zip(metrics, prepared, strict=True)])
    assert values == pytest.approx(_scikit_image(sr.numpy()[0], hr.numpy()[0]), abs=2e-6)


@pytest.mark.benchmark(group=GROUP)
def test_scikit_image(benchmark: BenchmarkFixture, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    sr, hr = (image.numpy()[0] for image in pair)
    assert benchmark(_scikit_image, sr, hr)[0] > 0


def _scikit_image(sr: np.ndarray, hr: np.ndarray) -> list[float]:
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return [peak_signal_noise_ratio(hr, sr, data_range=255), structural_similarity(hr, sr, **options)]
