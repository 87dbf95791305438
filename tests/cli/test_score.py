"""``srbench score``: figures of outputs that others made, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import skimage
from PIL import Image as Pillow

from tests.cli.conftest import pixels

LR_SIZE = "; it has the size of LR at x4"


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
    save_image(folders / "sr" / "c.png", 10, 10)
    options = ("--scale", 4, "--metrics", "psnr", "--format")
    code, out, _ = call("score", "sr", "hr", *options, "csv")
    assert code == 1
    values = {row["image"]: row["psnr"] for row in csv.DictReader(out.splitlines())}
    assert [name for name, value in values.items() if value] == ["a", "b"]
    assert [name for name, value in values.items() if not value] == ["c", "d", "e"]
    found = {row["image"]: row for row in json.loads(call("score", "sr", "hr", *options, "json")[1])}
    assert found["c"]["psnr"] is found["d"]["psnr"] is None
    assert "is 10x10" in found["c"]["reasons"]["psnr"]
    assert found["e"]["reasons"]["psnr"] == "hr/e.png has no SR partner"


def test_a_folder_compared_with_itself_is_remarked_on(call, folders):
    code, out, err = call("score", "sr", "sr", "--scale", 4, "--metrics", "psnr")
    assert code == 0
    assert "warning: SR_DIR and HR are the same folder, sr: each image is compared with itself" in err
    assert out.splitlines()[-1].split() == ["mean", "of", "3", "y", "inf"]


def test_files_of_kinds_that_are_not_read_are_counted(call, folders):
    for name in ("sr/d.jxl", "sr/e.JXL", "hr/f.exr", "hr/README.txt"):
        (folders / name).write_bytes(b"x")
    code, _, err = call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr")
    assert code == 0
    assert "sr: passed over: 2 files of kinds that are not read: 2 .jxl\n" in err
    assert "hr: passed over: 1 file of kinds that are not read: 1 .exr\n" in err


def test_two_files_are_a_pair_whatever_their_names(call, folders):
    by_folder = call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr")[1].splitlines()[1].split()
    (folders / "hr" / "a.png").rename(folders / "truth.png")
    code, out, _ = call("score", "sr/a.png", "truth.png", "--scale", 4, "--metrics", "psnr")
    assert (code, out.splitlines()[1].split()) == (0, by_folder)


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
    assert [row["image"] for row in csv.DictReader(out.splitlines()) if row["psnr"]] == ["a"]
    said = err.splitlines()
    assert said == [
        f"warning: {Path('sr/only.png')} has no HR partner",
        f"warning: {Path('sr/b.png')}: is 10x10, but b.png cropped to multiples of 4 is 40x40{LR_SIZE}",
        f"warning: {Path('hr/c.png')}: the file is empty (0 bytes)",
    ]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["sr", "nowhere"], "nowhere: cannot be read as a folder"),
        (["sr/none.png", "hr/a.png"], "sr/none.png: cannot be read as a folder"),
        (["sr", "hr/none.png"], "hr/none.png: cannot be read as a folder (no such folder"),
        (
            ["sr", "sett5"],
            "sett5: cannot be read as a folder (no such folder, and no dataset of this name); did you mean",
        ),
        (["sr", "set5", "--scale", 1], "dataset set5 does not exist at x1"),
        (["sr", "other"], "no SR file has a name like one of HR (SR: a, b, c; HR: z)"),
        (["sr", "hr", "--metrics", "psn"], "unknown metric 'psn'; did you mean 'psnr'?"),
        (["sr", "hr", "--protocol", "yy"], "unknown protocol 'yy'"),
        (["sr", "hr", "--format", "xml"], "xml"),
    ],
)
def test_score_says_what_cannot_be_done(call, folders, save_image, args, said):
    save_image(folders / "other" / "z.png")
    code, out, err = call("score", "--scale", 4, *args)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_output_can_be_piped_apart_from_messages(srbench, folders):
    (folders / "sr" / "b.png").write_text("no image")
    done = srbench("score", "sr", "hr", "--scale", 4, "--metrics", "psnr", "--format", "csv")
    assert done.returncode == 1
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["image", "a", "c", "b"]  # b is empty
    assert (
        done.stderr
        == f"warning: {Path('sr/b.png')}: is no PNG, JPEG, BMP, TIFF, WEBP, GIF, PPM, AVIF or JPEG2000 image\n"
    )


def test_score_of_a_published_method_is_matlabs(call, reference):
    folder = reference / "matlab-psnr-ssim"
    suffixes = ["--sr-suffix", "_RCAN_x4", "--hr-suffix", "_HR_x4"]
    code, out, err = call("score", folder / "SR", folder / "HR", "--scale", 4, *suffixes, "--format", "csv")
    assert (code, err) == (0, "")
    plain = call("score", folder / "SR", folder / "HR", "--scale", 4, "--format", "csv")
    same = out.replace("_HR_x4", ""), "paired by name: SR names end in '_rcan_x4' and HR names end in '_hr_x4'\n"
    assert (plain[0], plain[1].replace("_HR_x4", ""), plain[2]) == (0, *same)
    found = {row["image"]: row for row in csv.DictReader(out.splitlines())}
    with (folder / "expected.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(found) == len(expected) > 0
    for row in expected:
        scored = found[row["image"].removesuffix("_RCAN_x4.png")]
        for metric in ("psnr", "ssim"):
            assert float(scored[metric]) == pytest.approx(float(row[metric]), abs=2e-6)
        assert 0.01 < float(scored["lpips"]) < 0.5


def cropped_psnr(sr, hr, border):
    end = -border or None
    return skimage.metrics.peak_signal_noise_ratio(
        hr[border:end, border:end], sr[border:end, border:end], data_range=255
    )


@pytest.mark.parametrize(
    ("size", "options", "part", "border"),
    [
        ((43, 41), ["--scale", 4], (40, 40), 4),
        ((42, 40), ["--scale", 4, "--crop", "common"], (42, 40), 4),
        ((43, 41), ["--scale", 1], (43, 41), 0),
    ],
)
def test_odd_sizes_and_scale_1_are_scored_as_scripts_do(call, tmp_path, save_image, size, options, part, border):
    hr = pixels(save_image(tmp_path / "hr" / "Baby.png", 43, 41))
    sr = pixels(save_image(tmp_path / "sr" / "deep" / "baby_x4.png", *size, seed=1))
    save_image(tmp_path / "hr" / "b.png", 44, 44)
    save_image(tmp_path / "sr" / "deep" / "b_x4.png", 44, 44)
    code, out, err = call("score", "sr", "hr", *options, "--metrics", "psnr", "--protocol", "rgb", "--format", "csv")
    assert code == 0
    row = {row["image"]: row for row in csv.DictReader(out.splitlines())}["Baby"]
    width, height = part
    assert float(row["psnr"]) == pytest.approx(cropped_psnr(sr[:height, :width], hr[:height, :width], border))
    assert err.count("warning: Baby: ") == (part != (43, 41))


def test_hr_of_a_known_set_is_named(call, tmp_path, mirror):
    """The LR of Set5 made four times as large by Pillow, scored against files and against the name."""
    folder = mirror / "datasets" / "set5" / "image_SRF_4"
    for number in range(1, 6):
        with Pillow.open(folder / f"img_00{number}_SRF_4_LR.png") as lr:
            (tmp_path / "sr").mkdir(exist_ok=True)
            lr.resize((lr.width * 4, lr.height * 4), Pillow.Resampling.BICUBIC).save(
                tmp_path / "sr" / f"img_00{number}.png"
            )
    for number in range(1, 6):
        (tmp_path / "hr").mkdir(exist_ok=True)
        (tmp_path / "hr" / f"img_00{number}.png").write_bytes((folder / f"img_00{number}_SRF_4_HR.png").read_bytes())
    by_folder = call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr", "--format", "csv")
    by_name = call("score", "sr", "set5", "--scale", 4, "--metrics", "psnr", "--format", "csv")
    assert by_folder[0] == by_name[0] == 0
    values = [[row["psnr"] for row in csv.DictReader(done[1].splitlines())] for done in (by_folder, by_name)]
    assert values[0] == values[1]
    assert len(values[0]) == 5


def test_out_makes_a_run_folder_with_a_report(call, folders):
    code, out, err = call("score", "sr", "hr", "--scale", 4, "--metrics", "psnr", "--out", "run")
    assert code == 0, err
    mean = float(out.splitlines()[4].split()[4])
    with (folders / "run" / "leaderboard.csv").open(encoding="utf-8") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert float(rows["files:sr"]["psnr"]) == pytest.approx(mean, abs=1e-4)
    assert float(rows["files:sr"]["psnr_low"]) < mean < float(rows["files:sr"]["psnr_high"])
    assert "bicubic" in rows
    assert (folders / "run" / "report.html").stat().st_size > 10_000
    code, _, err = call("score", "sr", "hr", "--scale", 4, "--out", "run", "--crop", "common")
    assert code == 2
    assert err == "error: --out makes a run, which has no --crop common; score without --out, or rename the files\n"


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
