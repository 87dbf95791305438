"""Runs end to end: faults of one method cost its row alone, and what is done is never done again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

FAULTY = Path(__file__).parents[1] / "plugin_files" / "faulty.py"
QUALITY = ["method", "dataset", "scale", "protocol", "status", "psnr", "ssim", "lpips", "psnr_low", "psnr_high"]


@pytest.fixture
def photos(tmp_path, save_image):
    for i in range(3):
        save_image(tmp_path / "photos" / f"p{i}.png", seed=i)
    return tmp_path / "photos"


def board(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "leaderboard.csv")


def rows(folder: Path, kind: str = "score") -> list[dict]:
    found = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return [row for row in found if row["kind"] == kind]


def test_each_fault_costs_one_row_with_its_own_reason(srbench, photos, tmp_path):
    methods = "aborts,is-killed,returns-nan,sleeps,hoards,raises,leaves,wrong-shape,unlearned,prints,nearest"
    options = ["--plugin", FAULTY, "--dataset", photos, "--scale", 2, "--metrics", "psnr", "--out", "out"]
    limits = ["--timeout", 6, "--max-memory", "2GiB", "--speed-seconds", 0.1, "--speed-size", 16]
    done = srbench("run", "--methods", methods, *options, *limits)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    found = board(tmp_path / "out").set_index("method")
    expected = {
        "aborts": "SIGABRT",
        "is-killed": "SIGKILL",
        "returns-nan": "NaN",
        "sleeps": "timed out",
        "hoards": "too much memory",
        "raises": "ValueError: no such luck (faulty.py:",
        "leaves": "SystemExit",
        "wrong-shape": "shape",
        "unlearned": "no weights for x2",
    }
    for method, reason in expected.items():
        assert found.status[method] == "failed"
        assert reason in found.reason[method]
        assert pd.isna(found.psnr[method])
    assert found.reason[list(expected)].nunique() == len(expected)
    assert found.status[["nearest", "prints"]].tolist() == ["ok", "ok"]
    assert found.psnr["nearest"] == found.psnr["prints"]
    assert found.mpix_per_s["nearest"] > 0


def test_same_command_scores_only_what_is_missing(here, photos, tmp_path, save_image):
    options = ["--methods", "nearest", "--dataset", photos, "--scale", 4, "--metrics", "psnr", "--no-speed"]
    first = here("run", *options, "--out", "out")
    assert first.returncode == 0, first.stderr
    again = here("run", *options, "--out", "out")
    assert "nothing to do" in again.stderr
    assert len(rows(tmp_path / "out")) == 3
    save_image(photos / "p1.png", seed=77)  # other content under an old name
    here("run", *options, "--out", "out")
    assert [row["image"] for row in rows(tmp_path / "out")] == ["p0", "p1", "p2", "p1"]
    (photos / "p2.png").unlink()
    here("run", *options, "--out", "out")
    values = {row["image"]: row["value"] for row in rows(tmp_path / "out")}
    assert board(tmp_path / "out").psnr[0] == pytest.approx((values["p0"] + values["p1"]) / 2)
    here("run", *options, "--out", "out", "--force", "--inline")
    assert len(rows(tmp_path / "out")) == 6


def test_equal_pixels_under_two_names_are_two_images(here, photos, tmp_path):
    (photos / "twin.png").write_bytes((photos / "p0.png").read_bytes())
    (tmp_path / "copy").mkdir()
    for file in photos.iterdir():
        (tmp_path / "copy" / file.name).write_bytes(file.read_bytes())
    options = ["--methods", "nearest", "--metrics", "psnr", "--no-speed", "--out", "out"]
    assert here("run", *options, "--dataset", f"{photos},copy").returncode == 0
    found = board(tmp_path / "out").set_index("dataset")
    assert found.images.tolist() == [4, 4]
    assert found.psnr["photos"] == found.psnr["copy"] > 0


def test_another_folder_of_the_same_name_needs_another_out(here, photos, tmp_path, save_image):
    save_image(tmp_path / "other" / "photos" / "x.png", seed=5)
    options = ["run", "--methods", "nearest", "--metrics", "psnr", "--no-speed", "--out", "out"]
    assert here(*options, "--dataset", photos).returncode == 0
    second = here(*options, "--dataset", tmp_path / "other" / "photos")
    assert second.returncode == 2
    assert "holds results of another dataset named photos" in second.stderr
    both = here(*options[:-1], "both", "--dataset", f"{photos},{tmp_path / 'other' / 'photos'}", "--save-images")
    assert both.returncode == 0
    assert len(list((tmp_path / "both" / "images").rglob("nearest/*.png"))) == 4


def test_missing_backbone_is_explained_and_made_up_for(here, photos, tmp_path, mirror):
    options = ["--methods", "nearest", "--dataset", photos, "--scale", 2, "--no-speed", "--out", "out"]
    without = here("run", *options, SRBENCH_MIRROR="", TORCH_HOME=str(tmp_path))
    assert without.returncode == 0, without.stderr
    assert "backbone alexnet is missing" in without.stdout
    assert "srbench fetch alexnet" in without.stdout
    assert pd.isna(board(tmp_path / "out").lpips[0])
    assert board(tmp_path / "out").psnr[0] > 0
    scored = len([row for row in rows(tmp_path / "out") if row["value"] is not None])
    assert here("run", *options).returncode == 0
    found = rows(tmp_path / "out")
    assert board(tmp_path / "out").lpips[0] > 0
    assert len([row for row in found if row["value"] is not None]) == scored + 3
    assert {row["metric"] for row in found if "lpips" in row["metric"]} == {"lpips/0.1/alexnet"}


def test_unsupported_scale_is_said_first_and_no_failure(here, photos, tmp_path):
    options = ["--plugin", FAULTY, "--dataset", photos, "--metrics", "psnr", "--no-speed", "--out", "out"]
    done = here("run", "--methods", "prints,nearest", "--scale", "2,3", *options)
    assert done.returncode == 0, done.stderr
    assert "prints does not do x3 (it does x2, x4): unsupported" in done.stderr
    found = board(tmp_path / "out").set_index(["method", "scale"]).status
    assert found["prints", 3] == "unsupported"
    assert (found.drop(("prints", 3)) == "ok").all()


def test_pictures_are_saved_as_they_were_scored(here, photos, tmp_path):
    options = ["--methods", "bicubic", "--dataset", photos, "--scale", 2, "--metrics", "psnr", "--out", "out"]
    done = here("run", *options, "--no-speed", "--save-images", "--protocol", "rgb")
    assert done.returncode == 0, done.stderr
    score = here("score", "out/images/photos_x2/bicubic", photos, "--scale", 2, "--protocol", "rgb", "--format", "csv")
    assert score.stdout.startswith("image,protocol,psnr,ssim,lpips\n"), score.stdout
    lines = [line.split(",") for line in score.stdout.splitlines()[1:]]
    scored = {line[0]: float(line[2]) for line in lines}
    assert scored == {row["image"]: row["value"] for row in rows(tmp_path / "out")}


def test_faulty_images_are_named_and_the_rest_is_scored(here, photos, tmp_path):
    (photos / "empty.png").write_bytes(b"")
    (photos / "text.png").write_text("not a picture")
    whole = (photos / "p0.png").read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    done = here("run", "--methods", "nearest", "--dataset", photos, "--no-speed", "--out", "out", "--metrics", "psnr")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    for name in ("empty.png", "text.png", "cut.png"):
        assert name in done.stderr
    assert len(rows(tmp_path / "out")) == 3
    described = json.loads((tmp_path / "out" / "run.json").read_text())
    assert len(described["datasets"]["photos x4"]["left_out"]) == 3


HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""Undoes what a shell does to commands in the background: they and their children ignore Ctrl-C."""


def test_interrupt_saves_and_says_how_to_go_on(photos, tmp_path):
    code = HEARS + "from srbench.cli import main; main()"
    options = ["--methods", "nearest,sleeps", "--plugin", FAULTY, "--dataset", photos, "--scale", 2, "--out", "out"]
    parent = subprocess.Popen(
        [sys.executable, "-c", code, "run", *map(str, options), "--metrics", "psnr"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    results = tmp_path / "out" / "results.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (results.exists() and results.read_text().count('"score"') == 3):
        time.sleep(0.05)
    time.sleep(0.3)
    parent.send_signal(signal.SIGINT)
    _, said = parent.communicate(timeout=120)
    assert parent.returncode == 130, said
    assert "To go on: srbench run" in said.replace("-c ", "")
    assert "Traceback" not in said
    assert len(rows(tmp_path / "out")) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--methods", "bicubi"], "unknown method 'bicubi'; did you mean 'bicubic'?"),
        (["--methods", "nearest", "--dataset", "set6"], "unknown dataset 'set6'; did you mean 'set5'?"),
        (["--methods", "nearest", "--dataset", "urban100", "--scale", "3"], "x2 and x4 only"),
        (["--methods", "nearest", "--dataset", "./nowhere"], "no such folder"),
        (["--methods", "nearest", "--protocol", "yy"], "unknown protocol 'yy'"),
        (["--methods", "nearest", "--metrics", "psnrr"], "unknown metric 'psnrr'; did you mean 'psnr'?"),
        (["--methods", "nearest", "--scale", "zwei"], "'zwei' is not a list of whole numbers"),
        (["--methods", "nearest", "--sort", "beauty"], "cannot sort by 'beauty'"),
        (["--methods", ","], "no name is given"),
        (["--methods", "nearest", "--plugin", "nowhere.py"], "no such Python file"),
        (["--methods", "nearest", "--max-memory", "much"], "'much' is no size"),
        (["--methods", "nearest", "--timeout", "nan"], "'nan' is no finite number"),
        ([], "Missing option '--methods'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(options, said, tmp_path, monkeypatch, capsys):
    from srbench.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["srbench", "run", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_absent_device_is_one_line(here, photos):
    done = here("run", "--methods", "nearest", "--dataset", photos, "--device", "cuda:77", "--out", "out")
    assert done.returncode == 1
    assert "error: device 'cuda:77' is not available" in done.stderr
    assert "Traceback" not in done.stderr
