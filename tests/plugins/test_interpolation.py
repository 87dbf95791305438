"""The baselines: published numbers on the published sets, and any size on any device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from srbench_plugins import interpolation

SPECS = {spec.name: spec for spec in interpolation.srbench_models()}

# Bicubic and nearest x4 measured independently with these files; the bicubic y-uint8 rows are the published ones
MEASURED = {
    ("bicubic", "y"): {"set5": (28.432, 0.8113), "set14": (25.998, 0.7030), "bsd100": (25.963, 0.6682)},
    ("bicubic", "y-uint8"): {"set5": (28.419, 0.8102), "set14": (25.994, 0.7024), "bsd100": (25.958, 0.6673)},
    ("nearest", "y"): {"set5": (26.258, 0.7380), "set14": (24.646, 0.6533), "bsd100": (25.038, 0.6299)},
}
PUBLISHED = {"set5": (28.42, 0.8104), "set14": (26.00, 0.7027), "bsd100": (25.96, 0.6675)}


def test_boards_equal_the_measured_and_published_ones(here, mirror, tmp_path):
    import pandas as pd

    options = ["--dataset", "set5,set14,bsd100", "--protocol", "y,y-uint8", "--metrics", "psnr,ssim", "--no-speed"]
    done = here("run", "--methods", "nearest,bicubic", *options, "--out", "out")
    assert done.returncode == 0, done.stderr
    board = pd.read_csv(tmp_path / "out" / "leaderboard.csv").set_index(["method", "protocol", "dataset"])
    assert len(board) == 12
    for (method, protocol), sets in MEASURED.items():
        for dataset, (psnr, ssim) in sets.items():
            row = board.loc[method, protocol, dataset]
            assert row.psnr == pytest.approx(psnr, abs=0.003), (method, protocol, dataset)
            assert row.ssim == pytest.approx(ssim, abs=0.0003), (method, protocol, dataset)
    for dataset, (psnr, ssim) in PUBLISHED.items():
        row = board.loc["bicubic", "y-uint8", dataset]
        assert row.psnr == pytest.approx(psnr, abs=0.0065)  # 0.006, and half a digit of what is printed
        assert row.ssim == pytest.approx(ssim, abs=0.0004)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("name", SPECS)
def test_output_has_the_size_asked_for(name, scale):
    lr = torch.rand(2, 3, 5, 7)
    assert SPECS[name].build(scale)(lr).shape == (2, 3, 5 * scale, 7 * scale)


@pytest.mark.parametrize(
    ("name", "resample"), [("nearest", Image.Resampling.NEAREST), ("bilinear", Image.Resampling.BILINEAR)]
)
def test_equals_pillow(name, resample):
    lr = np.random.default_rng(0).random((9, 11)).astype(np.float32)
    expected = np.array(Image.fromarray(lr).resize((44, 36), resample))
    found = SPECS[name].build(4)(torch.from_numpy(lr).expand(1, 3, -1, -1))[0, 1]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "resample"), [("bicubic", Image.Resampling.BICUBIC), ("lanczos", Image.Resampling.LANCZOS)]
)
def test_equals_pillow_away_from_the_borders(name, resample):
    """Pillow takes the same kernels (a = -0.5) but cuts them at the borders, where MATLAB mirrors the image."""
    lr = np.random.default_rng(0).random((19, 21)).astype(np.float32)
    expected = np.array(Image.fromarray(lr).resize((84, 76), resample))
    found = SPECS[name].build(4)(torch.from_numpy(lr).expand(1, 3, -1, -1))[0, 1]
    np.testing.assert_allclose(found.numpy()[16:-16, 16:-16], expected[16:-16, 16:-16], atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", SPECS)
def test_gpu_and_cpu_agree(name):
    lr = torch.rand(1, 3, 30, 31)
    net = SPECS[name].build(4)
    np.testing.assert_allclose(net(lr.cuda()).cpu().numpy(), net(lr).numpy(), atol=1e-5)


@pytest.mark.parametrize("name", SPECS)
def test_halo_is_the_reach_of_the_kernel(name):
    lr = torch.zeros(1, 3, 21, 21)
    lr[..., 10, 10] = 1
    touched = SPECS[name].build(4)(lr)[0, 0].abs().amax(dim=0).nonzero().flatten() // 4
    reach = max(10 - int(touched.min()), int(touched.max()) - 10)
    assert reach == SPECS[name].halo
