"""``srbench compare``: crops side by side, enlarged pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FAULTY = Path(__file__).parents[1] / "plugin_files" / "faulty.py"


@pytest.fixture
def photos(tmp_path, save_image):
    for i in range(2):
        save_image(tmp_path / "photos" / f"p{i}.png", 96, 72, seed=i)
    return tmp_path / "photos"


def panels(path):
    """Return the boxes of a comparison's pictures: what lies between white columns, in the row of HR."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    row = pixels[20]
    inked = (row < 250).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inked.astype(int), [0]])))
    return pixels, list(zip(edges[::2], edges[1::2], strict=True))


def test_compare_enlarges_the_crop_pixel_by_pixel(here, tmp_path):
    hr = np.random.default_rng(0).integers(0, 240, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(hr).save(tmp_path / "a.png")
    options = ["--methods", "nearest,bicubic", "--crop", "16,8,32,24", "--metrics", "psnr"]
    done = here("compare", "a.png", *options, "--out", "c.png", "--out", "c.pdf", "--out", "sub/c.svg")
    assert done.returncode == 0, done.stderr
    pixels, boxes = panels(tmp_path / "c.png")
    assert len(boxes) == 4  # the whole image, HR and two methods
    left, right = boxes[1]
    factor = 10
    assert right - left == 32 * factor
    expected = hr[8:32, 16:48].repeat(factor, 0).repeat(factor, 1)
    np.testing.assert_array_equal(pixels[16 : 16 + 24 * factor, left:right], expected)
    here("upscale", "nearest", "a.png", "up.png")
    assert (tmp_path / "c.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (tmp_path / "sub" / "c.svg").read_text()
    first = {name: (tmp_path / name).read_bytes() for name in ("c.png", "c.pdf", "sub/c.svg")}
    here("compare", "a.png", *options, "--out", "c.png", "--out", "c.pdf", "--out", "sub/c.svg")
    assert first == {name: (tmp_path / name).read_bytes() for name in first}


def test_compare_finds_where_methods_differ(here, tmp_path):
    """Noise in one corner of a flat image: that is where nearest and bicubic differ."""
    hr = np.full((128, 128, 3), 128, np.uint8)
    hr[80:112, 16:48] = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(hr).save(tmp_path / "a.png")
    for flag in ([], ["--auto"]):
        done = here("compare", "a.png", "--methods", "nearest,bicubic", "--metrics", "psnr", *flag)
        x, y, width, height = map(int, done.stdout.split("crop ")[1].split(","))
        assert (width, height) == (32, 32)
        assert abs(x - 16) <= 4
        assert abs(y - 80) <= 4
        assert (tmp_path / "compare_a.png").is_file()


def test_compare_of_a_datasets_image(here, tmp_path):
    options = ["--methods", "nearest,bicubic", "--metrics", "psnr", "--out", "c.png"]
    done = here("compare", "samples/coffee", *options)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "c.png").is_file()
    wrong = here("compare", "samples/coffe", *options)
    assert wrong.returncode == 2
    assert "did you mean 'coffee'?" in wrong.stderr


def test_a_method_that_fails_is_named_and_the_others_are_drawn(here, photos, tmp_path):
    options = ["--plugin", FAULTY, "--metrics", "psnr", "--out", "c.png", "--scale", 2]
    done = here("compare", photos / "p0.png", "--methods", "nearest,raises,wrong-shape,unlearned", *options)
    assert done.returncode == 1
    for method, reason in (("raises", "ValueError"), ("wrong-shape", "shape"), ("unlearned", "no weights for x2")):
        assert any(f"{method} failed: " in line and reason in line for line in done.stderr.splitlines())
    assert (tmp_path / "c.png").is_file()
    none = here("compare", photos / "p0.png", "--methods", "raises", *options[:-4], "--out", "d.png", "--scale", 2)
    assert none.returncode == 1
    assert not (tmp_path / "d.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--crop", "80,0,32,32"], "is not inside the image, which is 96x72"),
        (["--crop", "1,2,3"], "takes x,y,width,height"),
        (["--crop", "0,0,0,4"], "is not inside"),
        (["--crop", "0,0,8,8", "--auto"], "cannot be combined"),
        (["--out", "a.jpg"], "the file must end in .png, .pdf, .svg"),
        (["--protocol", "z"], "unknown protocol 'z'"),
        (["--weights", "lanczos=x"], "names lanczos"),
    ],
)
def test_what_cannot_be_compared_is_one_line(here, photos, options, message):
    command = ["compare", photos / "p0.png", "--methods", "nearest", "--metrics", "psnr"]
    done = here(*command, *options)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_compare_of_nothing(here):
    done = here("compare", "nowhere.png", "--methods", "nearest")
    assert done.returncode == 2
    assert "neither a file nor an image of a dataset" in done.stderr


def test_several_images_have_a_figure_each(here, tmp_path, save_image):
    """A figure of an LR made otherwise has other scores, and says so in its title."""
    for name in ("a", "b"):
        save_image(tmp_path / f"{name}.png", 64, 48, seed=ord(name))
    done = here("compare", "a.png", "b.png", "--methods", "bicubic,bicubic+", "--metrics", "psnr", "--out", "fig.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["saved fig_a.svg", "saved fig_b.svg"]
    crappy = here("compare", "a.png", "--methods", "bicubic", "--degradation", "crappify", "--out", "crappy.svg")
    assert crappy.returncode == 0
    assert (tmp_path / "crappy.svg").read_bytes() != (tmp_path / "fig_a.svg").read_bytes()


def test_a_precision_that_a_method_does_not_do_costs_its_panel(here, tmp_path, save_image):
    save_image(tmp_path / "a.png", 64, 48)
    (tmp_path / "exact.py").write_text(
        "from srbench import ModelSpec, hookimpl\n"
        "from srbench_plugins import interpolation\n"
        "@hookimpl\n"
        "def srbench_models():\n"
        "    build = lambda scale: interpolation.build('bicubic', scale)\n"
        "    return [ModelSpec(name='exact', summary='s', scales={4}, build=build, precisions={'fp32'})]\n"
    )
    common = ["compare", "a.png", "--metrics", "psnr", "--precision", "bf16", "--plugin", "exact.py"]
    done = here(*common, "--methods", "espcn,exact")
    assert done.returncode == 1
    assert "exact failed: it does not do bf16" in done.stderr
    assert (tmp_path / "compare_a.png").is_file()
