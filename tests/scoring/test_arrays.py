"""``srbench.score`` of arrays and tensors gives scikit-image's values, and what is meant wrongly is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import skimage
import torch

import srbench
from srbench.errors import AssetError, SRBenchError, UsageError

HR = np.random.default_rng(1).integers(0, 256, (43, 46, 3), dtype=np.uint8)
SR = np.random.default_rng(2).integers(0, 256, (40, 44, 3), dtype=np.uint8)


def luma(rgb):
    return 16 + rgb.astype(float) @ np.array([65.481, 128.553, 24.966]) / 255


def expected(sr, hr, scale=4):
    sr, hr = (image[scale:-scale, scale:-scale].astype(float) for image in (sr, hr))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    psnr = skimage.metrics.peak_signal_noise_ratio(hr, sr, data_range=255)
    axis = 2 if sr.ndim == 3 else None
    return {"psnr": psnr, "ssim": skimage.metrics.structural_similarity(hr, sr, channel_axis=axis, **options)}


def tensor(image):
    return torch.from_numpy(image.transpose(2, 0, 1).copy())


BY_LUMA = expected(luma(SR), luma(HR[:40, :44]))


@pytest.mark.parametrize(
    ("sr", "hr"),
    [
        (SR, HR),
        (SR / 255, HR),
        ((SR / 255).astype(np.float32), (HR / 255).astype(np.float32)),
        (tensor(SR), tensor(HR)),
        (tensor(SR).float() / 255, tensor(HR)),
        (tensor(SR).double().requires_grad_() / 255, tensor(HR)),
    ],
)
def test_colours_are_scored_by_luma(sr, hr):
    assert srbench.score(sr, hr, scale=4) == pytest.approx(BY_LUMA, abs=1e-9)


@pytest.mark.parametrize("form", [lambda a: a, lambda a: a[..., None], lambda a: torch.from_numpy(a.copy())[None]])
def test_grey_images_are_scored_on_their_values(form):
    values = srbench.score(form(SR[..., 0]), form(HR[..., 0]), scale=4, protocol="rgb")
    assert values == pytest.approx(expected(SR[..., 0], HR[:40, :44, 0]), abs=1e-9)


def test_a_batch_has_a_value_per_image():
    sr, hr = torch.stack([tensor(SR), tensor(SR).flip(1)]), torch.stack([tensor(HR)[:, :40, :44]] * 2)
    values = srbench.score(sr, hr, scale=4, metrics="psnr")
    upside_down = expected(luma(SR[::-1]), luma(HR[:40, :44]))["psnr"]
    np.testing.assert_allclose(values["psnr"], [BY_LUMA["psnr"], upside_down], atol=1e-9)


def test_floats_are_rounded_to_8_bits_as_saving_does():
    nearly = (SR + 0.49) / 255
    assert srbench.score(np.clip(nearly, 0, 1), HR) == pytest.approx(BY_LUMA, abs=1e-9)


def test_equal_images_are_infinite_and_undefined_values_are_nan():
    values = srbench.score(SR[:12, :12], SR[:12, :12])
    assert values["psnr"] == math.inf
    assert math.isnan(values["ssim"])


@pytest.mark.parametrize(
    ("sr", "hr", "said"),
    [
        (
            SR.astype(float),
            HR,
            r"a floating-point sr must be in \[0, 1\], but this one reaches from 0 to 255; divide by 255",
        ),
        (SR.astype(np.int64), HR, "sr is torch.int64; give uint8, or floating point"),
        (SR[:20, :20], HR, "sr: is 20x20, but hr cropped to multiples of 4 is 44x40"),
        (tensor(SR)[:2], tensor(HR), "sr must be an array"),
        ("baby.png", HR, "sr must be an array .* not str"),
        (SR, HR[:0], "hr is empty"),
        (SR, np.full((40, 44), np.nan), "a floating-point hr must be in"),
        (torch.stack([tensor(SR)] * 2), tensor(HR), "sr holds 2 images, hr 1"),
    ],
)
def test_what_is_no_image_is_refused(sr, hr, said):
    with pytest.raises(UsageError, match=said):
        srbench.score(sr, hr, scale=4)


def test_names_and_scales_that_do_not_exist_are_refused():
    with pytest.raises(UsageError, match="unknown metric 'psnrr'; did you mean 'psnr'"):
        srbench.score(SR, HR, metrics="psnrr")
    with pytest.raises(UsageError, match="unknown protocol"):
        srbench.score(SR, HR, protocol="luma")
    with pytest.raises(UsageError, match="scale must be a whole number from 1, not 0"):
        srbench.score(SR, HR, scale=0)


def test_a_metric_without_its_network_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises((AssetError, SRBenchError), match="srbench fetch alexnet"):
        srbench.score(SR, HR, metrics=["psnr", "lpips"])
