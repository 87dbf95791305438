"""Remarks on the range of outputs: on Pillow's bicubic enlargement of photographs, mapped as faulty networks map it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import skimage
import torch
from PIL import Image

import srbench as package
from srbench.inference.output_range import OutputRange

SCALE = 4
PHOTOS = ("astronaut", "coffee", "chelsea", "rocket")
PLUGIN = """
from srbench import ModelSpec, hookimpl

def wide(scale):
    import torch
    class Wide(torch.nn.Module):
        def forward(self, lr):
            return 255 * torch.nn.functional.interpolate(lr, scale_factor=scale, mode="bicubic")
    return Wide()

def untrained(scale):
    import torch
    return torch.nn.Sequential(torch.nn.Conv2d(3, 3 * scale**2, 3, padding=1), torch.nn.PixelShuffle(scale))

@hookimpl
def srbench_models():
    return [ModelSpec(name="wide", summary="for tests", scales={2}, build=wide, precisions=["fp32"]),
            ModelSpec(name="untrained", summary="for tests", scales={2}, build=untrained, precisions=["fp32"])]
"""
WIDE = "where [0, 1] is promised: it looks like 0..255"
RANDOM = "no weights: as built, with random parameters (0.weight and 1 more)"


def photograph(name):
    """Return LR and its bicubic enlargement, ``(1, 3, h, w)`` and ``(1, 3, 4h, 4w)`` in [0, 1]."""
    hr = Image.fromarray(getattr(skimage.data, name)()[:300, :400, :3])
    lr = hr.resize((hr.width // SCALE, hr.height // SCALE), Image.Resampling.BICUBIC)
    sr = lr.resize((lr.width * SCALE, lr.height * SCALE), Image.Resampling.BICUBIC)
    return tuple(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255 for image in (lr, sr))


def remark_on(function, names=PHOTOS):
    output_range = OutputRange()
    for name in names:
        lr, sr = photograph(name)
        output_range.see(lr, function(sr))
    return output_range.take()


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda sr: 255 * sr, "it looks like 0..255"),
        (lambda sr: 65535 * sr, "it looks like 0..65535"),
        (lambda sr: 114 + 3 * (sr - 0.5), "it looks like 0..255"),
        (lambda sr: 255 * sr - 114, "it looks like 0..255"),
        (lambda sr: 2 * sr - 1, "it looks like -1..1"),
        (lambda sr: sr - 0.5, "it looks like -0.5..0.5"),
        (lambda sr: sr / 2 + 0.5, "it looks as if the network took -1..1"),
        (lambda sr: sr / 255, "it looks as if the network took 0..255 and divided by 255"),
        (lambda sr: (sr - 0.45) / 0.225, "normalised by ImageNet's mean and deviation"),
        (lambda sr: sr.flip(1), "it looks like BGR"),
        (torch.zeros_like, "random weights, or an input in another range"),
        (lambda sr: 20 * torch.randn(sr.shape, generator=torch.Generator().manual_seed(0)), "random weights"),
    ],
)
def test_what_a_faulty_network_returns_is_remarked_on(function, text):
    assert text in remark_on(function)


@pytest.mark.parametrize("name", PHOTOS)
def test_each_photograph_alone_says_0_to_255_and_minus_1_to_1(name):
    assert "0..255" in remark_on(lambda sr: 255 * sr, [name])
    assert "-1..1" in remark_on(lambda sr: 2 * sr - 1, [name])


def test_an_output_of_one_colour_is_remarked_on():
    remark = remark_on(lambda sr: torch.full_like(sr, float(sr.mean())), ["astronaut"])
    assert "nearly of one colour, with 0% of LR's contrast: random weights" in remark


@pytest.mark.parametrize("name", [*PHOTOS, "moon"])
@pytest.mark.parametrize(
    "function",
    [
        lambda sr: sr,
        lambda sr: sr + 1.5 * (sr - torch.nn.functional.avg_pool2d(sr, 5, 1, 2)),  # sharpened: overshoots
        lambda sr: torch.nn.functional.avg_pool2d(sr, 9, 1, 4, count_include_pad=False),
        lambda sr: sr + 0.1 * torch.randn(sr.shape, generator=torch.Generator().manual_seed(0)),
        lambda sr: 0.97 * sr + 0.02,
    ],
    ids=["bicubic", "sharpened", "blurred", "noisy", "tinted"],
)
def test_an_honest_network_is_not_remarked_on(name, function):
    if name == "moon":
        lr = torch.from_numpy(skimage.data.moon()[None, None, ::4, ::4] / 255).float().repeat(1, 3, 1, 1)
        sr = lr.repeat_interleave(4, -1).repeat_interleave(4, -2)
        output_range = OutputRange()
        output_range.see(lr, function(sr))
        assert not output_range.take()
    else:
        assert not remark_on(function, [name])


def test_images_of_one_colour_are_judged_by_their_mean():
    for value in (0.0, 0.02, 0.5, 1.0):
        lr = torch.full((1, 3, 8, 8), value)
        output_range = OutputRange()
        output_range.see(lr, lr.repeat_interleave(2, -1).repeat_interleave(2, -2))
        assert not output_range.take()


@pytest.fixture
def plugin(tmp_path, save_image):
    (tmp_path / "nets.py").write_text(PLUGIN)
    for i in range(2):
        save_image(tmp_path / "two" / f"i{i}.png", seed=i)
    return tmp_path / "nets.py"


def test_a_run_says_it_keeps_it_and_shows_it_again(here, plugin, tmp_path):
    options = ("--plugin", plugin, "--dataset", tmp_path / "two", "--scale", 2, "--no-speed", "--metrics", "psnr")
    done = here("run", "--methods", "bicubic,wide,untrained", *options, "--out", "o")
    assert done.returncode == 0
    assert done.stderr.count("warning: wide on two x2: ") == done.stderr.count(WIDE) == 1
    assert f"warning: untrained on two x2: {RANDOM}" in done.stderr
    assert "warning: bicubic" not in done.stderr
    rows = [json.loads(line) for line in (tmp_path / "o" / "results.jsonl").read_text().splitlines()]
    kept = {(row["method"], row["topic"]) for row in rows if row["kind"] == "remark"}
    assert {("wide", "range"), ("untrained", "weights")} <= kept
    assert not any(method == "bicubic" for method, _ in kept)
    again = here("run", "--methods", "bicubic,wide,untrained", *options, "--out", "o")
    for text in (
        done.stdout,
        again.stdout,
        here("leaderboard", "o").stdout,
        (tmp_path / "o/leaderboard.md").read_text(),
    ):
        assert "wide on two x2: output reaches from " in text
        assert RANDOM in text


def test_upscale_compare_info_and_python_say_it_too(here, plugin, tmp_path):
    photo = tmp_path / "two" / "i0.png"
    options = ("--plugin", plugin, "--scale", 2)
    for name, text in (("wide", WIDE), ("untrained", RANDOM)):
        assert text in here("upscale", name, photo, f"{name}.png", *options).stderr
    compared = here(
        "compare", photo, "--methods", "bicubic,wide,untrained", "--metrics", "psnr", "--out", "c.png", *options
    )
    assert f"warning: untrained: {RANDOM}" in compared.stderr
    assert WIDE in compared.stderr
    assert "bicubic:" not in compared.stderr
    shown = here("info", "untrained", *options).stdout
    assert "Cannot be trained: its spec has no recipe." in shown
    assert RANDOM in shown
    with pytest.warns(UserWarning, match=r"wide: output reaches .* it looks like 0\.\.255"):
        package.load("wide", 2, plugins=plugin, device="cpu")(str(photo))
