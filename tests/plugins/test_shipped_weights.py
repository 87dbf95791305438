"""Weights in the repository: what their cards promise holds, and a machine that has trained nothing runs them."""

from __future__ import annotations

import json
import re

import pytest
import torch

from srbench.api import run
from srbench.catalog.catalog import Catalog
from srbench.inference.build import build_net
from srbench.store.hashes import sha256
from srbench.store.weights import card_path

CATALOG = Catalog.load()
SHIPPED = {
    f"{spec.name}-x{scale}": (spec, scale, path)
    for spec in CATALOG.models.specs.values()
    for scale, path in spec.shipped.items()
    if "srbench_plugins" in path.parts
}
TRAINING_SETS = {"t91", "bsds500-train", "general100"}
LARGEST, ALL = 4e6, 40e6
X4 = (
    *("espcn", "ae-mse", "vae", "unet", "unet-perceptual", "unet-gan", "pix2pix"),
    *("srresnet", "srgan-mse", "srgan-vgg22", "wgan", "wgan-gp"),
)
EXPECTED = {*(f"{method}-x4" for method in X4), "espcn-x2", "unet-x2", "srresnet-x2"}
each = pytest.mark.parametrize(("spec", "scale", "path"), SHIPPED.values(), ids=SHIPPED)


def test_they_are_small():
    assert set(SHIPPED) >= EXPECTED
    assert all(path.stat().st_size <= LARGEST for _, _, path in SHIPPED.values())
    assert sum(path.stat().st_size for _, _, path in SHIPPED.values()) <= ALL


@each
def test_the_card_says_what_they_are(spec, scale, path):
    card = json.loads(card_path(path).read_text())
    assert (card["method"], card["scale"], card["dtype"], card["sha256"]) == (spec.name, scale, "fp16", sha256(path))
    assert re.match(rf"srbench train {spec.name} ", card["command"])
    if card["best"] == "lpips":  # the best of a GAN need not be its last
        assert 0 < card["steps_done"] <= card["steps"]
    else:
        assert card["steps_done"] == card["steps"]
    assert {data["name"] for data in card["data"]} <= TRAINING_SETS
    assert "302003" in next(data for data in card["data"] if data["name"] == "bsds500-train")["excluded"]
    assert {"seed", "device", "wall_s", "versions", "loss_networks", "started_from", "precision"} <= set(card)
    assert all(v.isfinite().all() for v in build_net(spec, scale, torch.device("cpu"), path).state_dict().values())


@each
def test_their_cards_figures_are_reproduced(spec, scale, path, mirror, tmp_path):
    """Set5's, and half precision costs less than 0.005 dB."""
    frame = run(
        [spec.name], "set5", scale=scale, metrics=["psnr", "ssim"], speed=False, inline=True, out=tmp_path / "out"
    )
    said = json.loads(card_path(path).read_text())["validation"]
    assert said["dataset"] == "set5"
    assert frame.psnr[0] == pytest.approx(said["psnr"], abs=0.005)
    assert frame.ssim[0] == pytest.approx(said["ssim"], abs=0.0002)


@each
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_to_one_grey_level(spec, scale, path):
    lr = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        srs = [
            build_net(spec, scale, torch.device(device), path)(lr.to(device)).cpu().clamp(0, 1).mul(255).round()
            for device in ("cpu", "cuda")
        ]
    assert float((srs[0] - srs[1]).abs().max()) <= 1


def test_a_machine_that_trained_nothing_has_a_board(tmp_path, save_image):
    save_image(tmp_path / "photos" / "one.png", 128, 96)
    methods = ["bicubic", *sorted({spec.name for spec, scale, _ in SHIPPED.values() if scale == 4})]
    frame = run(methods, tmp_path / "photos", metrics=["psnr"], speed=False, inline=True, out=tmp_path / "out")
    assert set(frame.status) == {"ok"}
    assert (frame.weights != "none").sum() == len(methods) - 1
