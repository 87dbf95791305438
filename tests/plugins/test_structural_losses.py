"""Structural losses against scikit-image and hand-made sums; zero at equality; finite gradients."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
import skimage
import torch

from srbench_plugins import structural_losses

LOSSES = {spec.name: spec.build() for spec in structural_losses.srbench_losses()}


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    hr = torch.rand(1, 3, 64, 72, generator=generator, dtype=torch.float64)
    return (hr + 0.1 * torch.randn(hr.shape, generator=generator, dtype=torch.float64)).clamp(0, 1), hr


def test_psnr_is_the_negative_of_scikit_images(pair):
    sr, hr = pair
    expected = skimage.metrics.peak_signal_noise_ratio(hr.numpy(), sr.numpy(), data_range=1)
    assert LOSSES["psnr"](sr, hr).item() == pytest.approx(-expected, abs=1e-5)


def test_ssim_is_one_less_scikit_images(pair):
    sr, hr = pair
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    expected = skimage.metrics.structural_similarity(hr[0].numpy(), sr[0].numpy(), channel_axis=0, **options)
    assert LOSSES["ssim"](sr, hr).item() == pytest.approx(1 - expected, abs=1e-6)


def test_hfenn_equals_scipy(pair):
    sr, hr = pair
    axis = np.arange(-7, 8)
    square = axis[:, None] ** 2 + axis**2
    kernel = np.exp(-square / 4.5)
    kernel = kernel / kernel.sum() * (square - 4.5) / 1.5**4
    kernel -= kernel.mean()

    def edges(image):
        return np.stack([scipy.ndimage.correlate(plane, kernel)[7:-7, 7:-7] for plane in image[0].numpy()])

    expected = ((edges(sr) - edges(hr)) ** 2).sum() / (edges(hr) ** 2).sum()
    assert LOSSES["hfenn"](sr, hr).item() == pytest.approx(expected, rel=1e-4)


def test_ms_ssim_of_one_scale_is_ssim_and_of_more_lies_between_its_parts(pair):
    sr, hr = (image[..., :20, :20] for image in pair)
    assert LOSSES["ms-ssim"](sr, hr).item() == pytest.approx(LOSSES["ssim"](sr, hr).item())
    sr, hr = pair  # three scales fit
    values, images = [], [sr, hr]
    for _ in range(3):
        values.append([part.mean().item() for part in structural_losses._similarity(*images)])
        images = [torch.nn.functional.avg_pool2d(image, 2) for image in images]
    weights = np.array([0.0448, 0.2856, 0.3001])
    expected = np.prod(np.array([values[0][1], values[1][1], values[2][0]]) ** (weights / weights.sum()))
    assert LOSSES["ms-ssim"](sr, hr).item() == pytest.approx(1 - expected, rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [24, 96])
def test_zero_at_equality_and_finite_gradient(name, size):
    hr = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    same = LOSSES[name](hr, hr).item()
    assert same == pytest.approx(-100 if name == "psnr" else 0, abs=1e-4)
    sr = (hr + 0.05).requires_grad_()
    worse = LOSSES[name](sr, hr)
    worse.backward()
    assert worse.item() > same
    assert torch.isfinite(sr.grad).all()
