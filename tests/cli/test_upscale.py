"""upscale, score and degrade as a user sees them: what is written, what is printed, what ends in which exit code."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import png
import pytest
import torch
from PIL import Image as Pillow

from tests.cli.conftest import pixels

FAULTY = Path(__file__).parents[1] / "plugin_files" / "faulty.py"


def test_upscale_repeats_pixels_of_any_size(call, tmp_path, save_image):
    for size in ((1, 1), (7, 5), (40, 36)):
        save_image(tmp_path / "a.png", *size)
        assert call("upscale", "nearest", "a.png", "b.png", "--scale", 3, "--overwrite") == (0, "", "")
        np.testing.assert_array_equal(pixels("b.png"), pixels("a.png").repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize("planes", [1, 2, 3, 4])
def test_upscale_keeps_16_bits(call, tmp_path, planes):
    flat = [700 * (i + 1) + 1 for i in range(planes)]
    writer = png.Writer(4, 3, greyscale=planes < 3, alpha=planes in {2, 4}, bitdepth=16)
    with (tmp_path / "a.png").open("wb") as file:
        writer.write(file, [flat * 4] * 3)
    assert call("upscale", "bicubic", "a.png", "b.png", "--scale", 2)[0] == 0
    with (tmp_path / "b.png").open("rb") as file:
        width, height, rows, info = png.Reader(file=file).read()
        rows = [list(row) for row in rows]
    assert (width, height, info["bitdepth"], info["planes"]) == (8, 6, 16, planes)
    assert rows == [flat * 8] * 6


@pytest.mark.parametrize(("mode", "kept"), [("L", "L"), ("LA", "LA"), ("RGBA", "RGBA"), ("1", "L"), ("CMYK", "RGB")])
def test_upscale_keeps_the_kind(call, tmp_path, save_image, mode, kept):
    path = save_image(tmp_path / f"a.{'tif' if mode == 'CMYK' else 'png'}", 8, 6, mode)
    assert call("upscale", "nearest", path, "b.png", "--scale", 2)[0] == 0
    np.testing.assert_array_equal(pixels("b.png"), pixels(path, kept).repeat(2, 0).repeat(2, 1))
    with Pillow.open("b.png") as image:
        assert image.mode == kept


def test_upscale_of_pairs_enlarges_their_lr(call, tmp_path, save_image):
    save_image(tmp_path / "set" / "HR" / "a.png", 40, 36)
    save_image(tmp_path / "set" / "LR_bicubic" / "X4" / "ax4.png", 10, 9)
    code, _, err = call("upscale", "nearest", "set", "out")
    assert (code, err) == (0, "set: 1 LR image; the HR stay as they are\n")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ax4.png"]
    assert pixels("out/ax4.png").shape == (36, 40, 3)


@pytest.mark.parametrize("method", ["bicubic", "espcn"])
def test_colours_under_alpha_0_stay_out_of_visible_edges(call, method):
    y, x = np.mgrid[:48, :48]
    inside = ((x - 24) ** 2 + (y - 24) ** 2 < 256)[..., None]
    colour = np.array([240, 230, 220])
    Pillow.fromarray(np.dstack([inside * colour, inside * 255]).astype(np.uint8)).save("a.png")
    assert call("upscale", method, "a.png", "b.png")[0] == 0
    with Pillow.open("b.png") as image:
        shown = Pillow.alpha_composite(Pillow.new("RGBA", image.size, (*colour.tolist(), 255)), image)
    assert np.abs(np.asarray(shown)[..., :3].astype(int) - colour).max() <= 8


def test_upscale_of_a_folder_names_faults_and_writes_the_rest(call, tmp_path, save_image):
    for name in ("a.jpg", "b.bmp", "c.webp"):
        save_image(tmp_path / "in" / name, 9, 7)
    (tmp_path / "in" / "d.png").write_text("no image")
    code, out, err = call("upscale", "bicubic", "in", "out/deep", "--scale", 2)
    assert code == 1
    assert out == f"3 images written to {Path('out/deep')} by bicubic x2\n"
    assert err == f"warning: {Path('in/d.png')}: is no PNG, JPEG, BMP, TIFF, WEBP, GIF, PPM, AVIF or JPEG2000 image\n"
    assert sorted(path.name for path in (tmp_path / "out" / "deep").iterdir()) == ["a.png", "b.png", "c.png"]
    assert pixels("out/deep/b.png").shape == (14, 18, 3)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["nearst", "a.png", "b.png"], 2, "unknown method 'nearst'; did you mean 'nearest'?"),
        (["nearest", "none.png", "b.png"], 2, "none.png: no such file or folder"),
        (["nearest", "a.png", "a.png"], 2, "a.png: OUT would replace IN"),
        (["nearest", "a.png", "a.png", "--overwrite"], 2, "a.png: OUT would replace IN"),
        (["nearest", ".", ".", "--overwrite"], 2, "a.png: OUT would replace IN; choose another file or folder"),
        (["nearest", "a.png", "b.png", "--scale", "5"], 2, "nearest does not do x5; it does x2, x3, x4, x8"),
        (["nearest", "a.png", "b.png", "--scale", "1"], 2, "--scale"),
        (["nearest", "a.png", "b.xyz"], 2, "cannot write .xyz; use .png"),
        (["nearest", "a.png", "b.png", "--device", "abacus"], 2, "unknown device 'abacus'; there are: auto, cpu, cuda"),
        (["nearest", "empty", "out"], 2, "empty: holds no image file"),
    ],
)
def test_upscale_says_what_cannot_be_done(call, tmp_path, save_image, args, code, said):
    before = save_image(tmp_path / "a.png").read_bytes()
    (tmp_path / "empty").mkdir()
    ended, _, err = call("upscale", *args)
    assert ended == code
    assert said in err
    assert err.count("\n") == 1
    assert (tmp_path / "a.png").read_bytes() == before
    assert not list(tmp_path.glob("b.*"))


def test_upscale_writes_as_many_different_samples_as_asked(call, tmp_path, save_image):
    from srbench.store.weights import save_weights
    from srbench_plugins.vae.network import VAE

    torch.manual_seed(0)
    net = VAE(2)
    torch.nn.init.normal_(net.decoder[1].weight, std=0.05)
    save_weights(net, tmp_path / "vae.safetensors", {})
    save_image(tmp_path / "in" / "a.png", 9, 7)
    save_image(tmp_path / "in" / "b.png", 8, 8)
    vae = ["upscale", "vae", "in", "out", "--scale", 2, "--weights", "vae.safetensors"]
    assert call(*vae, "--samples", 3)[0] == 0
    names = [f"{image}_{i}.png" for image in "ab" for i in (1, 2, 3)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    answers = {name: pixels(f"out/{name}").tobytes() for name in names}
    assert len(set(answers.values())) == 6
    assert pixels("out/a_1.png").shape == (14, 18, 3)
    code, _, err = call(*vae, "--samples", 4)
    assert code == 2
    assert "a_1.png (and 1 more) exists already; nothing was written" in err
    assert not (tmp_path / "out" / "a_4.png").exists()
    assert call(*vae, "--samples", 3, "--overwrite")[0] == 0
    assert answers == {name: pixels(f"out/{name}").tobytes() for name in names}  # the same samples each time
    assert call(*vae)[0] == 0
    code, _, err = call("upscale", "nearest", "in", "other", "--samples", 2)
    assert code == 2
    assert "nearest has one output per image" in err


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("raises", "ValueError: no such luck"),
        ("returns-nan", "NaN"),
        ("leaves", "SystemExit"),
        ("wrong-shape", "shape"),
    ],
)
def test_upscale_names_what_a_faulty_method_did(call, tmp_path, save_image, method, said):
    save_image(tmp_path / "a.png")
    code, _, err = call("upscale", method, "a.png", "b.png", "--scale", 2, "--plugin", FAULTY)
    assert code == 1
    assert err.startswith("warning: a.png: ")
    assert said in err
    assert not (tmp_path / "b.png").exists()


def test_a_scale_by_repetition_is_asked_for_and_said(call, tmp_path, save_image):
    save_image(tmp_path / "a.png", 6, 5)
    code, _, err = call("upscale", "nearest", "a.png", "b.png", "--scale", 16)
    assert code == 2
    assert "nearest does not do x16; it does x2, x3, x4, x8 (--repeat goes " in err
    code, _, err = call("upscale", "nearest", "a.png", "b.png", "--scale", 16, "--repeat")
    assert code == 0
    assert re.search(r"nearest does not do x16; it is applied repeatedly: x\d, then x\d", err)
    np.testing.assert_array_equal(pixels("b.png"), pixels("a.png").repeat(16, 0).repeat(16, 1))
    assert call("upscale", "nearest", "a.png", "c.png", "--scale", 4, "--repeat") == (0, "", "")
    code, _, err = call("upscale", "nearest", "a.png", "d.png", "--scale", 14, "--repeat")
    assert code == 2
    assert err.strip().endswith("nearest does not do x14; it does x2, x3, x4, x8")
    code, _, err = call("upscale", "vae", "a.png", "d.png", "--scale", 16, "--repeat", "--samples", 2)
    assert code == 2
    assert "cannot be combined with --repeat" in err


def test_repetition_takes_the_fewest_passes():
    from srbench import ModelSpec
    from srbench.inference.files import passes

    spec = ModelSpec(name="net", summary="s", scales={2, 3, 4}, build=len)
    found = {scale: passes(spec, scale, repeat=True) for scale in (2, 4, 6, 8, 9, 12, 16)}
    assert found == {2: [2], 4: [4], 6: [3, 2], 8: [4, 2], 9: [3, 3], 12: [4, 3], 16: [4, 4]}
    spec = ModelSpec(name="net", summary="s", scales={2, 4, 8}, build=len)
    assert passes(spec, 16, repeat=True) == [4, 4]
