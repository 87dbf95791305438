"""PSNR, SSIM and HFEN against MATLAB's published values, scikit-image and scipy."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
import scipy
import skimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from srbench.errors import UndefinedScoreError
from srbench.protocols import PROTOCOLS
from srbench_plugins import fidelity

METRICS = {spec.name: spec.build() for spec in fidelity.srbench_metrics()}


def score(name, sr, hr):
    metric = METRICS[name]
    return metric.score(torch.as_tensor(sr), metric.prepare(torch.as_tensor(hr), PROTOCOLS["y"]))


def noisy(shape, seed):
    generator = np.random.default_rng(seed)
    hr = generator.integers(0, 256, shape).astype(np.float64)
    return hr, np.clip(hr + generator.normal(0, generator.uniform(1, 60), shape), 0, 255).round()


def test_equals_the_authors_matlab_script(reference):
    folder = reference / "matlab-psnr-ssim"
    with (folder / "expected.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(expected) == 5
    for row in expected:
        sr, hr = (
            PROTOCOLS["y"].view(np.array(Image.open(path)).astype(float).transpose(2, 0, 1), grey=False, scale=4)
            for path in (folder / "SR" / row["image"], folder / "HR" / row["image"].replace("RCAN", "HR"))
        )
        for name in ("psnr", "ssim"):
            assert score(name, sr, hr) == pytest.approx(float(row[name]), abs=2e-6), (row["image"], name)


def test_rgb_psnr_equals_the_published_calibration_values(reference):
    with (reference / "lpips" / "expected.csv").open() as file:
        expected = list(csv.DictReader(file))
    for row in expected:
        sr, hr = (
            np.array(Image.open(reference / "lpips" / f"{row['pair']}_{side}.png").convert("RGB")).astype(float)
            for side in ("dist", "ref")
        )
        assert f"{score('psnr', sr, hr):.2f}" == row["psnr_rgb"]


@given(
    height=st.integers(11, 40), width=st.integers(11, 40), channels=st.sampled_from([1, 3]), seed=st.integers(0, 9999)
)
@settings(deadline=None, max_examples=80)
def test_equals_scikit_image_at_any_size(height, width, channels, seed):
    hr, sr = noisy((channels, height, width), seed)
    assert score("psnr", sr, hr) == pytest.approx(
        skimage.metrics.peak_signal_noise_ratio(hr, sr, data_range=255), abs=1e-9
    )
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = skimage.metrics.structural_similarity(hr, sr, channel_axis=0, **options)
    assert score("ssim", sr, hr) == pytest.approx(expected, abs=1e-9)


@given(height=st.integers(1, 30), width=st.integers(1, 30), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=40)
def test_hfen_equals_scipy(height, width, seed):
    hr, sr = noisy((1, height, width), seed)
    axis = np.arange(-7, 8)
    square = axis[:, None] ** 2 + axis**2
    gauss = np.exp(-square / 4.5)
    kernel = (square - 4.5) * gauss / (1.5**4 * gauss.sum())  # MATLAB's fspecial('log', 15, 1.5)
    kernel -= kernel.mean()
    edges = [scipy.ndimage.correlate(image[0], kernel, mode="nearest") for image in (sr, hr)]
    if np.linalg.norm(edges[1]) < 1e-6:
        return
    expected = np.linalg.norm(edges[0] - edges[1]) / np.linalg.norm(edges[1])
    assert score("hfen", sr, hr) == pytest.approx(expected, rel=1e-9)


def test_equal_images():
    hr, _ = noisy((3, 16, 16), 0)
    assert score("psnr", hr, hr) == math.inf
    assert score("ssim", hr, hr) == pytest.approx(1, abs=1e-12)
    assert score("hfen", hr, hr) == 0


def test_flat_images_have_an_ssim_and_no_hfen():
    flat = np.full((1, 12, 12), 100.0)
    assert score("ssim", flat, flat) == pytest.approx(1)
    with pytest.raises(UndefinedScoreError, match="flat"):
        score("hfen", flat, flat)


@pytest.mark.parametrize(("name", "size"), [("psnr", 0), ("ssim", 10), ("hfen", 0)])
def test_too_small_an_image_has_no_value_and_a_reason(name, size):
    image = np.zeros((1, size, size))
    with pytest.raises(UndefinedScoreError, match=f"too small: {size}x{size} after the border cut"):
        score(name, image, image)
