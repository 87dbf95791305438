"""``srbench score``: figures of outputs that others made, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import skimage

from tests.cli.conftest import pixels


@pytest.fixture
def folders(tmp_path, save_image):
    """sr/ and hr/ with three images each."""
    for seed, name in enumerate("abc"):
        save_image(tmp_path / "hr" / f"{name}.png", 41, 43, seed=seed)
        save_image(tmp_path / "sr" / f"{name}.png", 40, 40, seed=seed + 10)
    return tmp_path


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
        assert float(row["psnr"]) == pytest.approx(
            skimage.metrics.peak_signal_noise_ratio(hr, sr, data_range=255), rel=1e-14
        )
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


def test_a_mean_over_fewer_images_says_how_many_of_each_column(call, folders, save_image):
    """Of three images the border leaves 4x4 pixels of one, too few for SSIM's 11x11 window."""
    for side in ("sr", "hr"):
        save_image(folders / side / "a.png", 12, 12, seed=len(side) + ord(side[0]))
    code, out, _ = call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr,ssim")
    assert code == 0
    *_, b, c, mean, images = [line.split() for line in out.splitlines()]
    assert mean[:2] == ["mean", "y"]
    assert float(mean[3]) == pytest.approx((float(b[3]) + float(c[3])) / 2, abs=1e-4)
    assert images == ["images", "y", "3", "of", "3", "2", "of", "3"]


def test_missing_pairs_are_counted_and_exit_1(call, folders, save_image):
    for name in "de":
        save_image(folders / "hr" / f"{name}.png")
    code, out, err = call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr")
    assert code == 1
    assert err.count("has no SR partner") == 2
    assert [line.split() for line in out.splitlines()][-1] == ["images", "y", "3", "of", "5"]
    (folders / "sr" / "z.png").write_bytes((folders / "sr" / "a.png").read_bytes())
    assert call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr", "--format", "csv")[0] == 1


def test_a_folder_compared_with_itself_is_remarked_on(call, folders):
    code, out, err = call("score", "sr", "sr", "--scale", 4, "--metrics", "psnr")
    assert code == 0
    assert "warning: SR_DIR and HR_DIR are the same folder, sr: each image is compared with itself" in err
    assert out.splitlines()[-1].split() == ["mean", "of", "3", "y", "inf"]


@pytest.mark.parametrize(("metrics", "code"), [(["--metrics", "lpips"], 1), (["--metrics", "psnr,lpips"], 1), ([], 0)])
def test_a_metric_that_was_asked_for_and_has_no_value_exits_1(call, folders, metrics, code):
    done, out, err = call("score", "sr", "hr", "--scale", 4, *metrics)
    assert (done, err.count("no lpips: ")) == (code, 1)
    assert out.splitlines()[-1].split()[-1] == "-"


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
