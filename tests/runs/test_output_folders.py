"""``files:DIR``: outputs of any tool as a row of a run, with the values that scikit-image gives for the same files."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
import skimage
from PIL import Image as Pillow

from srbench.scoring.sr_folders import folder_of


@pytest.fixture
def outputs(tmp_path, save_image):
    """photos/ with three images, and out/ with SR of them by the names that another tool gave."""
    for seed, name in enumerate(("baby", "bird", "head")):
        save_image(tmp_path / "photos" / f"{name}.png", 41, 43, seed=seed)
        save_image(tmp_path / "out" / f"{name}_x4_TOOL.png", 40, 40, seed=seed + 10)
    return tmp_path


def board(folder):
    with (folder / "leaderboard.csv").open(encoding="utf-8") as file:
        return {row["method"]: row for row in csv.DictReader(file)}


def csv_values(folder, method):
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return {row["image"]: row["value"] for row in rows if row["kind"] == "score" and row["method"] == method}


def expected_psnr(folder, names=("baby", "bird", "head")):
    values = []
    for name in names:
        hr = np.asarray(Pillow.open(folder / "photos" / f"{name}.png"))[4:36, 4:36]
        sr = np.asarray(Pillow.open(folder / "out" / f"{name}_x4_TOOL.png"))[4:36, 4:36]
        values.append(skimage.metrics.peak_signal_noise_ratio(hr, sr, data_range=255))
    return np.mean(values)


RUN = (
    "run",
    "--methods",
    "bicubic,files:out",
    "--dataset",
    "photos",
    "--metrics",
    "psnr",
    "--protocol",
    "rgb",
    "--out",
    "run",
)


def test_outputs_are_a_row_beside_networks(here, outputs):
    done = here(*RUN, "--speed-size", 16, "--speed-seconds", 0.01)
    assert done.returncode == 0, done.stderr
    rows = board(outputs / "run")
    assert float(rows["files:out"]["psnr"]) == pytest.approx(expected_psnr(outputs), rel=1e-12)
    assert (rows["files:out"]["status"], rows["files:out"]["images"]) == ("ok", "3")
    assert rows["files:out"]["psnr_low"]
    assert rows["files:out"]["latency_ms"] == ""
    assert rows["bicubic"]["latency_ms"]
    again = here(*RUN, "--no-speed")
    assert "nothing to do" in again.stderr
    save = Pillow.open(outputs / "out" / "baby_x4_TOOL.png").transpose(Pillow.Transpose.ROTATE_180)
    save.save(outputs / "out" / "baby_x4_TOOL.png")
    assert here(*RUN, "--no-speed").returncode == 0
    assert float(board(outputs / "run")["files:out"]["psnr"]) == pytest.approx(expected_psnr(outputs), rel=1e-12)


@pytest.mark.parametrize("folder", ["one", "one/HR"])
def test_compare_takes_the_outputs_of_the_images_folder(here, tmp_path, save_image, folder):
    hr = save_image(tmp_path / folder / "a.png", 40, 40)
    for name in ("one", "two"):
        save_image(tmp_path / "out" / name / "x4" / "a.png", 40, 40, seed=hr.stat().st_size + (name == "two"))
    done = here("compare", f"{folder}/a.png", "--methods", "files:out", "--metrics", "psnr", "--out", "c.png")
    assert (done.returncode, done.stderr) == (0, "")


def test_cropped_and_grey_outputs_are_remarked_on(here, outputs, save_image):
    save_image(outputs / "out" / "baby_x4_TOOL.png", 41, 43, seed=10)
    save_image(outputs / "out" / "bird_x4_TOOL.png", 40, 40, "L", seed=11)
    done = here(*RUN, "--no-speed")
    assert done.returncode == 0, done.stderr
    hr = np.asarray(Pillow.open(outputs / "photos" / "bird.png"))[4:36, 4:36]
    sr = np.asarray(Pillow.open(outputs / "out" / "bird_x4_TOOL.png").convert("RGB"))[4:36, 4:36]
    values = csv_values(outputs / "run", "files:out")
    assert values["bird"] == pytest.approx(skimage.metrics.peak_signal_noise_ratio(hr, sr, data_range=255), rel=1e-12)
    drawn = here("compare", "photos/bird.png", "--methods", "files:out", "--metrics", "psnr", "--out", "c.png")
    for text, error in (("SR has HR's own size: both were cropped", done.stderr), ("SR is grey", done.stderr)):
        assert error.count(text) == 1
        assert text in (outputs / "run" / "leaderboard.md").read_text()
    assert "files:out: SR is grey, but HR has colours" in drawn.stderr


def test_verify_rerun_report_and_compare_know_such_a_row(here, outputs):
    assert here(*RUN, "--no-speed", "--save-images").returncode == 0
    assert here("verify", "run").returncode == 0
    shutil.rmtree(outputs / "run" / "images")
    done = here("verify", "run")
    assert (done.returncode, "0 saved and 6 repeated outputs: all agree" in done.stdout) == (0, True), done.stderr
    done = here("rerun", "run", "--out", "again")
    assert done.returncode == 0, done.stderr
    assert board(outputs / "again")["files:out"]["psnr"] == board(outputs / "run")["files:out"]["psnr"]
    assert here("report", "again").returncode == 0
    assert (
        here("compare", "photos/baby.png", "--methods", "bicubic,mine=files:out", "--metrics", "psnr").returncode == 0
    )


def test_several_sets_scales_and_degradations_have_folders_of_their_own(here, outputs):
    shutil.copytree(outputs / "out", outputs / "all" / "Photos" / "x4")
    shutil.copytree(outputs / "photos", outputs / "two")
    shutil.copytree(outputs / "two", outputs / "all" / "two_x4")
    common = ("--metrics", "psnr", "--protocol", "rgb", "--no-speed", "--out", "run")
    done = here("run", "--methods", "files:all", "--dataset", "photos,two", *common)
    assert done.returncode == 0, done.stderr
    with (outputs / "run" / "leaderboard.csv").open(encoding="utf-8") as file:
        values = {row["dataset"]: float(row["psnr"]) for row in csv.DictReader(file)}
    assert values == {"photos": pytest.approx(expected_psnr(outputs)), "two": float("inf")}
    done = here("run", "--methods", "files:all", "--dataset", "photos", "--degradation", "blur+noise", *common)
    assert done.returncode == 0, done.stderr


def test_a_missing_output_costs_the_row_and_exits_1(here, outputs):
    (outputs / "out" / "bird_x4_TOOL.png").unlink()
    done = here(*RUN, "--no-speed")
    assert done.returncode == 1
    assert "1 of 3 images have no SR file (bird)" in done.stderr
    rows = board(outputs / "run")
    assert (rows["bicubic"]["status"], rows["files:out"]["status"]) == ("ok", "failed")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["run", "--methods", "files:nowhere"], 2, "nowhere: no such folder"),
        (["upscale", "files:out", "photos", "large"], 1, "files:out is a folder of SR images: it can be scored"),
        (["export", "files:out", "--onnx", "a.onnx"], 1, "files:out is a folder of SR images"),
        (["speed", "--methods", "files:out"], 1, "files:out is a folder of SR images"),
        (["train", "files:out", "--data", "photos"], 2, "files:out"),
    ],
)
def test_what_needs_a_network_says_that_there_is_none(here, outputs, args, code, said):
    done = here(*args)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize("parts", ["Set5/X4", "set5_x4", "x4/set5", "Set5", "x4", "set5+crappify", "."])
def test_the_folder_of_a_set_is_found(tmp_path, parts):
    (tmp_path / parts).mkdir(parents=True, exist_ok=True)
    assert folder_of(tmp_path, "set5+crappify", 4).samefile(tmp_path / parts)
    if "crappify" not in parts:
        assert folder_of(tmp_path, "set5-hr", 4).samefile(tmp_path / parts)
