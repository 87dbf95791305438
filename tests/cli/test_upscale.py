"""upscale, score and degrade as a user sees them: what is written, what is printed, what ends in which exit code."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import png
import pytest
import torch
from PIL import Image as Pillow
from skimage.metrics import peak_signal_noise_ratio

from srbench.cli import main
from srbench.resize import degrade

FAULTY = Path(__file__).parents[1] / "plugin_files" / "faulty.py"


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run a command in this process, in an empty folder; return exit code, output and messages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["srbench", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "bug to report" not in err
        return ended.value.code, out, err

    return run


@pytest.fixture
def folders(tmp_path, save_image):
    """sr/ and hr/ with three images each."""
    for seed, name in enumerate("abc"):
        save_image(tmp_path / "hr" / f"{name}.png", 41, 43, seed=seed)
        save_image(tmp_path / "sr" / f"{name}.png", 40, 40, seed=seed + 10)
    return tmp_path


def pixels(path, mode=None):
    with Pillow.open(path) as image:
        return np.asarray(image.convert(mode) if mode else image)


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


def test_upscale_of_a_folder_names_faults_and_writes_the_rest(call, tmp_path, save_image):
    for name in ("a.jpg", "b.bmp", "c.webp"):
        save_image(tmp_path / "in" / name, 9, 7)
    (tmp_path / "in" / "d.png").write_text("no image")
    code, out, err = call("upscale", "bicubic", "in", "out/deep", "--scale", 2)
    assert code == 1
    assert out == ""
    assert err == f"warning: {Path('in/d.png')}: is no PNG, JPEG, BMP, TIFF, WEBP, GIF or PPM image\n"
    assert sorted(path.name for path in (tmp_path / "out" / "deep").iterdir()) == ["a.png", "b.png", "c.png"]
    assert pixels("out/deep/b.png").shape == (14, 18, 3)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["nearst", "a.png", "b.png"], 2, "unknown method 'nearst'; did you mean 'nearest'?"),
        (["nearest", "none.png", "b.png"], 2, "none.png: no such file or folder"),
        (["nearest", "a.png", "a.png"], 2, "a.png exists already; nothing was written (--overwrite replaces)"),
        (["nearest", "a.png", "b.png", "--scale", "5"], 2, "nearest does not do x5; it does x2, x3, x4, x8"),
        (["nearest", "a.png", "b.png", "--scale", "1"], 2, "--scale"),
        (["nearest", "a.png", "b.xyz"], 1, "cannot write .xyz; use .png"),
        (["nearest", "a.png", "b.png", "--device", "abacus"], 1, "device 'abacus' is not available"),
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


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_degrade_writes_the_benchmark_lr_under_the_same_names(call, tmp_path, save_image, mode):
    for name in ("a.png", "b.bmp"):
        save_image(tmp_path / "hr" / name, 41, 38, mode)
    assert call("degrade", "hr", "lr", "--scale", 4) == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "lr").iterdir()) == ["a.png", "b.png"]
    for source, target in (("hr/a.png", "lr/a.png"), ("hr/b.bmp", "lr/b.png")):
        stored = torch.from_numpy(np.atleast_3d(pixels(source))[:36, :40].transpose(2, 0, 1).copy())
        np.testing.assert_array_equal(np.atleast_3d(pixels(target)).transpose(2, 0, 1), degrade(stored, 4).numpy())
    code, _, err = call("degrade", "hr", "lr", "--scale", 2)
    assert code == 2
    assert "a.png (and 1 more) exists already" in err
    assert pixels("lr/a.png").shape[:2] == (9, 10)
    assert call("degrade", "hr", "lr", "--scale", 2, "--overwrite")[0] == 0
    assert pixels("lr/a.png").shape[:2] == (19, 20)


def test_degrade_refuses_what_has_no_8_bits(call, tmp_path):
    Pillow.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)).save(tmp_path / "deep.png")
    Pillow.new("RGBA", (8, 8)).save(tmp_path / "clear.png")
    for name, said in (("deep.png", "is 16-bit; scores are defined on 8 bits"), ("clear.png", "transparent pixels")):
        code, _, err = call("degrade", name, "out.png", "--scale", 2)
        assert code == 1
        assert err.startswith(f"warning: {name}: ")
        assert said in err


def test_score_prints_csv_of_full_precision(call, folders):
    code, out, err = call("score", "sr", "hr", "--scale", 4, "--protocol", "rgb,y", "--format", "csv")
    assert code == 0
    assert "no lpips: " in err
    assert "srbench fetch alexnet" in err
    assert out.startswith("image,protocol,psnr,ssim,lpips\n")
    found = list(csv.DictReader(out.splitlines()))
    assert [(row["image"], row["protocol"]) for row in found] == [(n, p) for n in "abc" for p in ("rgb", "y")]
    for row in found[::2]:
        sr, hr = (pixels(f"{side}/{row['image']}.png")[4:36, 4:36] for side in ("sr", "hr"))
        assert float(row["psnr"]) == pytest.approx(peak_signal_noise_ratio(hr, sr, data_range=255), rel=1e-14)
        assert len(row["ssim"]) > 12
        assert row["lpips"] == ""


def test_score_prints_json_with_reasons(call, folders, save_image):
    for side in ("sr", "hr"):
        save_image(folders / side / "a.png", 12, 12)
    code, out, _ = call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr,ssim", "--format", "json")
    assert code == 0
    first, second, _ = json.loads(out)
    assert (first["image"], first["protocol"], first["psnr"], first["ssim"]) == ("a", "y", "inf", None)
    assert first["reasons"] == {
        "psnr": "SR equals HR: psnr is infinite",
        "ssim": "too small: 4x4 after the border cut, SSIM needs 11x11",
    }
    assert isinstance(second["psnr"], float)
    assert second["reasons"] == {}


def test_score_says_infinite_and_undefined_in_csv_and_messages(call, folders, save_image):
    for side in ("sr", "hr"):
        save_image(folders / side / "a.png", 12, 12)
    code, out, err = call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr,ssim", "--format", "csv")
    assert code == 0
    assert out.splitlines()[1] == "a,y,inf,"
    assert err.splitlines() == [
        "warning: a (y): psnr: SR equals HR: psnr is infinite",
        "warning: a (y): ssim: too small: 4x4 after the border cut, SSIM needs 11x11",
    ]


def test_score_prints_a_table_with_means(call, folders):
    _, out, _ = call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["image", "protocol", "psnr"]
    assert [line[:2] for line in lines[1:4]] == [["a", "y"], ["b", "y"], ["c", "y"]]
    assert lines[4][:4] == ["mean", "of", "3", "y"]
    mean = sum(float(line[2]) for line in lines[1:4]) / 3
    assert float(lines[4][4]) == pytest.approx(mean, abs=1e-4)


def test_score_names_what_does_not_fit(call, folders, save_image):
    save_image(folders / "sr" / "b.png", 10, 10)
    save_image(folders / "sr" / "only.png", 40, 40)
    (folders / "hr" / "c.png").write_bytes(b"")
    code, out, err = call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr", "--format", "csv")
    assert code == 1
    assert [line.split(",")[0] for line in out.splitlines()] == ["image", "a"]
    said = err.splitlines()
    assert said == [
        f"warning: {Path('sr/only.png')} has no HR partner",
        f"warning: {Path('sr/b.png')}: is 10x10, but b.png cropped to multiples of 4 is 40x40",
        f"warning: {Path('hr/c.png')}: the file is empty (0 bytes)",
    ]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["sr", "nowhere"], "nowhere: cannot be read as a folder"),
        (["sr/a.png", "hr/a.png"], "sr/a.png: cannot be read as a folder"),
        (["sr", "other"], "no file in sr has the same name as one in other"),
        (["sr", "hr", "--metrics", "psn"], "unknown metric 'psn'; did you mean 'psnr'?"),
        (["sr", "hr", "--protocol", "yy"], "unknown protocol 'yy'"),
        (["sr", "hr", "--format", "xml"], "xml"),
    ],
)
def test_score_says_what_cannot_be_done(call, folders, save_image, args, said):
    save_image(folders / "other" / "z.png")
    code, out, err = call("score", *args, "--scale", 4)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_output_can_be_piped_apart_from_messages(srbench, folders):
    (folders / "sr" / "b.png").write_text("no image")
    done = srbench("score", "sr", "hr", "--scale", 4, "--metrics", "psnr", "--format", "csv")
    assert done.returncode == 1
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["image", "a", "c"]
    assert done.stderr == f"warning: {Path('sr/b.png')}: is no PNG, JPEG, BMP, TIFF, WEBP, GIF or PPM image\n"


def test_score_of_a_published_method_is_matlabs(call, reference):
    folder = reference / "matlab-psnr-ssim"
    suffixes = ["--sr-suffix", "_RCAN_x4", "--hr-suffix", "_HR_x4"]
    code, out, err = call("score", folder / "SR", folder / "HR", "--scale", 4, *suffixes, "--format", "csv")
    assert (code, err) == (0, "")
    found = {row["image"]: row for row in csv.DictReader(out.splitlines())}
    with (folder / "expected.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(found) == len(expected) > 0
    for row in expected:
        scored = found[row["image"].removesuffix("_RCAN_x4.png")]
        for metric in ("psnr", "ssim"):
            assert float(scored[metric]) == pytest.approx(float(row[metric]), abs=2e-6)
        assert 0.01 < float(scored["lpips"]) < 0.5


def test_score_computes_published_lpips(call, reference, tmp_path):
    folder = reference / "lpips"
    for pair in ("I03", "I08"):
        for side, kind in (("sr", "dist"), ("hr", "ref")):
            (tmp_path / side).mkdir(exist_ok=True)
            (tmp_path / side / f"{pair}.png").write_bytes((folder / f"{pair}_{kind}.png").read_bytes())
    _, out, _ = call("score", "sr", "hr", "--scale", 4, "--metrics", "lpips", "--format", "csv")
    found = {row["image"]: float(row["lpips"]) for row in csv.DictReader(out.splitlines())}
    with (folder / "expected.csv").open() as file:
        for row in csv.DictReader(file):
            printed = row["lpips_alex_v0.1"]
            half_a_digit = 0.5 * 10.0 ** -len(printed.split(".")[1])
            assert found.pop(row["pair"]) == pytest.approx(float(printed), abs=half_a_digit)
    assert not found


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
