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
from srbench.windows import laplacian_of_gaussian
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


class OnGPU(torch.Tensor):
    """A tensor that says that it lies on a GPU, whose windows are computed another way."""

    is_cuda = True


@pytest.mark.parametrize("shape", [(1, 12, 15), (3, 20, 11), (2, 4, 3, 13, 14)])
def test_windows_are_the_same_on_a_gpu(shape):
    image = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    window = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    window /= window.sum()
    expected = image.numpy()
    for axis in (-2, -1):
        expected = scipy.ndimage.correlate1d(expected, window, axis=axis)
    expected = expected[..., 5:-5, 5:-5]
    np.testing.assert_allclose(fidelity._blur(image).numpy(), expected, atol=1e-12)
    on_gpu = fidelity._blur(image.as_subclass(OnGPU)).as_subclass(torch.Tensor)
    assert on_gpu.shape == expected.shape
    np.testing.assert_allclose(on_gpu.numpy(), expected, atol=1e-12)


def test_the_kernel_of_hfen_is_matlabs():
    """``fspecial('log', 15, 1.5)``: by its documented formula, sum 0."""
    x, y = np.meshgrid(np.arange(-7, 8), np.arange(-7, 8))
    gauss = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    kernel = (x**2 + y**2 - 2 * 1.5**2) * gauss / (1.5**4 * gauss.sum())
    np.testing.assert_allclose(laplacian_of_gaussian(15, 1.5).numpy(), kernel - kernel.mean(), atol=1e-15)


def test_one_pixel_has_a_psnr():
    assert float(score("psnr", np.full((1, 1, 1), 5.0), np.full((1, 1, 1), 4.0))) == pytest.approx(20 * math.log10(255))


def test_a_faint_pattern_has_an_hfen_and_a_fainter_one_none():
    hr = 100 + 1e-3 * noisy((1, 9, 9), 0)[0] / 255
    assert score("hfen", 2 * hr - 100, hr) == pytest.approx(1, rel=1e-6)
    with pytest.raises(UndefinedScoreError, match="flat"):
        score("hfen", hr, 100 + (hr - 100) * 1e-5)


def test_what_a_board_is_told_of_each():
    specs = {spec.name: (spec.better, spec.batched, spec.decimals) for spec in fidelity.srbench_metrics()}
    assert specs == {"psnr": ("higher", True, 2), "ssim": ("higher", True, 4), "hfen": ("lower", False, 4)}
