"""``srbench identify``: names what made LR, saves a kernel for other commands, shows what is known when stopped."""

from __future__ import annotations

import json

import numpy as np
import pytest
import skimage
from PIL import Image

from srbench.identify import identify as module
from srbench.images.kernel_file import Kernel
from tests.cli.conftest import pixels as pixels_of


@pytest.fixture
def hr(tmp_path):
    (tmp_path / "hr").mkdir()
    for name, image in (("a", skimage.data.astronaut()), ("b", skimage.data.coffee())):
        Image.fromarray(np.ascontiguousarray(image[20:221, 40:283])).save(tmp_path / "hr" / f"{name}.png")


def test_the_degradation_of_another_command_is_named(call, hr):
    assert call("degrade", "hr", "lr", "--scale", 4, "--degradation", "pillow-hamming")[0] == 0
    code, out, _ = call("identify", "lr", "hr")
    assert code == 0
    first = next(line for line in out.splitlines() if "hamming" in line)
    assert "every pixel" in first
    assert "pillow-hamming is equal in every pixel of 2 images at x4" in out
    assert "kernel:" not in out


def test_two_files_and_json(call, hr):
    assert call("degrade", "hr", "lr", "--scale", 3)[0] == 0
    code, out, _ = call("identify", "lr/a.png", "hr/a.png", "--format", "json")
    assert code == 0
    found = json.loads(out)
    assert (found["scale"], found["images"], found["kernel"]) == (3, 1, None)
    equal = [row["name"] for row in found["candidates"] if row["equal_in_every_pixel"]]
    assert equal == ["bicubic"]
    assert len({row["group"] for row in found["candidates"]}) > 20


def test_an_unknown_kernel_is_estimated_saved_and_used(call, hr, tmp_path):
    (tmp_path / "lr").mkdir()
    y, x = np.mgrid[:9, :9] - 4.0
    weights = np.exp(-((x / 2) ** 2 + (y / 1.2) ** 2) / 2)
    kernel = Kernel(2, (weights / weights.sum()).tolist(), -3, -4)
    for name in "ab":
        pixels = pixels_of(tmp_path / "hr" / f"{name}.png")[:200, :242]
        lr = kernel.shrink(pixels, np.random.default_rng(0))
        Image.fromarray(lr).save(tmp_path / "lr" / f"{name}.png")
    code, out, err = call("identify", "lr", "hr", "--save-kernel", "k.json", "--picture", "k.png")
    assert code == 0
    assert "no candidate is equal in every pixel of 2 images at x2" in out
    assert "on code values" in out
    assert "centre: +0.50" in out
    assert "no more than rounding leaves" in out
    assert "saved k.json: use it with --degradation kernel:k.json" in err
    assert (tmp_path / "k.png").read_bytes().startswith(b"\x89PNG")
    assert call("degrade", "hr", "again", "--scale", 2, "--degradation", "kernel:k.json")[0] == 0
    ours, theirs = (pixels_of(tmp_path / folder / "a.png").astype(int) for folder in ("again", "lr"))
    assert np.abs(ours - theirs).max() <= 1
    code, out, _ = call(
        *("run", "--methods", "nearest", "--dataset", "hr", "--metrics", "psnr", "--no-speed", "--scale", 2),
        *("--degradation", "kernel:k.json", "--out", "out"),
    )
    assert code == 0
    assert "hr+kernel-k: LR by kernel/1-" in out


def test_a_stop_shows_what_is_known(call, hr, monkeypatch):
    assert call("degrade", "hr", "lr", "--scale", 2, "--degradation", "box")[0] == 0

    def stop(*_):
        raise KeyboardInterrupt

    compare = module.compare
    monkeypatch.setattr(module, "compare", lambda pairs, scale, _: compare(pairs, scale, stop))
    code, out, err = call("identify", "lr", "hr")
    assert code == 130
    assert "box is equal" in out or "(so are" in out
    assert "stopped after 1 of 2 images" in err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("hr", "hr"), "no pairs of HR and LR"),
        (("nothing", "hr"), "no such file or folder"),
        (("hr", "hr", "--picture", "k.jpg"), "must end in .png"),
        (("hr", "hr", "--scale", "1"), "1"),
    ],
)
def test_wrong_use_is_one_line(call, hr, arguments, reason):
    code, out, err = call("identify", *arguments)
    assert (code, out) == (2, "")
    assert reason in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "reason"), [("bicubc", "did you mean 'bicubic'"), ("kernel:x", "no such kernel file")]
)
def test_a_degradation_that_does_not_exist_is_one_line(call, hr, name, reason):
    code, _, err = call("degrade", "hr", "lr", "--scale", 2, "--degradation", name)
    assert code == 2
    assert reason in err
    assert len(err.splitlines()) == 1


def test_lr_of_the_mirrors_benchmarks_is_the_benchmarks_bicubic(call, mirror):
    for scale in (2, 3, 4):
        folder = mirror / "datasets" / "set5" / f"image_SRF_{scale}"
        code, out, _ = call("identify", folder, folder, "--format", "json")
        assert code == 0
        found = json.loads(out)
        assert found["scale"] == scale
        assert [row["name"] for row in found["candidates"] if row["equal_in_every_pixel"]] == ["bicubic"]
