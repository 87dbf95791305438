"""NAME+ is the mean over the eight flips and rotations, from the weights of NAME."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import srbench
from srbench.blocks import SelfEnsemble
from srbench.catalog.catalog import Catalog
from srbench.errors import UsageError


class Corner(torch.nn.Module):
    """Nearest neighbour, whose top left quarter is one brighter: by it the eight outputs differ."""

    def forward(self, lr):
        sr = lr.repeat_interleave(2, -2).repeat_interleave(2, -1)
        sr[..., : sr.shape[-2] // 2, : sr.shape[-1] // 2] += 1
        return sr


@pytest.mark.parametrize("size", [(4, 6), (5, 5)])
def test_it_is_the_mean_of_the_eight_in_numpy(size):
    lr = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    outputs = []
    for flip in (lambda a: a, np.fliplr):
        for turns in range(4):
            turned = np.stack([[np.rot90(flip(plane), turns) for plane in image] for image in lr.numpy()])
            sr = Corner()(torch.from_numpy(turned.copy())).numpy()
            outputs.append(np.stack([[flip(np.rot90(plane, -turns)) for plane in image] for image in sr]))
    np.testing.assert_allclose(SelfEnsemble(Corner())(lr), np.mean(outputs, axis=0), atol=1e-6)


def test_a_network_that_commutes_with_turns_is_unchanged():
    lr = torch.rand(3, 8, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(srbench.load("bicubic+", 2)(lr), srbench.load("bicubic", 2)(lr), atol=1e-5, rtol=0)


def test_it_has_the_weights_of_its_method_and_eight_times_its_cost(tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png", 48, 40)
    frame = srbench.run(["espcn", "ESPCN+"], tmp_path / "set", metrics="psnr", speed=False, quiet=True)
    rows = frame.set_index("method")
    assert rows.loc["espcn+", "macs"] == 8 * rows.loc["espcn", "macs"]
    assert rows.loc["espcn+", "params"] == rows.loc["espcn", "params"]
    assert rows.loc["espcn+", "weights"] == rows.loc["espcn", "weights"]


def test_what_has_none_says_so(here):
    models = Catalog.load().models
    with pytest.raises(UsageError, match="unknown method"):
        _ = models["espcm+"]
    with pytest.raises(UsageError, match="has no self-ensemble"):
        _ = models["espcn++"]
    trained = here("train", "espcn+", "--data", "x", "--out", "o")
    assert (trained.returncode, trained.stderr) == (2, "error: espcn+ has the weights of espcn; train that\n")


def test_upscale_takes_it_by_option(here, tmp_path, save_image):
    save_image(tmp_path / "in" / "a.png", 9, 7)
    assert here("upscale", "espcn", "in", "plus", "--ensemble").returncode == 0
    done = here("upscale", "espcn+", "in", "same")
    assert done.returncode == 0
    assert done.stdout.startswith("1 image written to same by espcn+ x4 (shipped weights ")
    assert (tmp_path / "plus" / "a.png").read_bytes() == (tmp_path / "same" / "a.png").read_bytes()
    assert here("upscale", "espcn", "in", "plain").returncode == 0
    assert (tmp_path / "plus" / "a.png").read_bytes() != (tmp_path / "plain" / "a.png").read_bytes()


def test_upscale_in_another_precision_is_close(here, tmp_path, save_image):
    save_image(tmp_path / "a.png", 16, 16)
    for precision in ("fp32", "bf16"):
        assert here("upscale", "espcn", "a.png", f"{precision}.png", "--precision", precision).returncode == 0
    exact, half = (srbench.load("nearest", 2)(tmp_path / f"{name}.png") for name in ("fp32", "bf16"))
    apart = np.abs(np.asarray(exact).astype(int) - np.asarray(half))
    assert 0 < apart.max() < 12
