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

from srbench.store.backbones import BACKBONES

FAULTY = Path(__file__).parents[1] / "plugin_files" / "faulty.py"


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
    assert {row["metric"] for row in found if "lpips" in row["metric"]} == {
        f"lpips/0.1/alexnet@{BACKBONES['alexnet'].features[:16]}"
    }


def test_pictures_are_saved_as_they_were_scored(here, photos, tmp_path):
    options = ["--methods", "bicubic", "--dataset", photos, "--scale", 2, "--metrics", "psnr", "--out", "out"]
    done = here("run", *options, "--no-speed", "--save-images", "--protocol", "rgb")
    assert done.returncode == 0, done.stderr
    score = here("score", "out/images/photos_x2/bicubic", photos, "--scale", 2, "--protocol", "rgb", "--format", "csv")
    assert score.stdout.startswith("image,protocol,psnr,ssim,lpips\n"), score.stdout
    lines = [line.split(",") for line in score.stdout.splitlines()[1:]]
    scored = {line[0]: float(line[2]) for line in lines}
    assert scored == {row["image"]: row["value"] for row in rows(tmp_path / "out")}


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
    assert "To resume: srbench run" in said.replace("-c ", "")
    assert "Traceback" not in said
    assert len(rows(tmp_path / "out")) == 3


@pytest.mark.parametrize(("metrics", "code"), [("lpips", 1), ("psnr,lpips", 1), ("psnr,ssim,lpips", 0)])
def test_a_metric_that_was_asked_for_and_is_not_to_be_had_exits_1(here, photos, tmp_path, metrics, code):
    options = ["--methods", "nearest", "--dataset", photos, "--scale", 2, "--no-speed", "--out", "out"]
    for _ in range(2):  # the second time, too
        done = here("run", *options, "--metrics", metrics, TORCH_HOME=str(tmp_path))
        assert done.returncode == code
        assert ("lpips was asked for and could not be computed: " in done.stderr) is bool(code)
        assert "srbench fetch alexnet" in done.stderr
        assert code == 0 or "nothing to do" not in done.stderr
    if metrics != "lpips":
        assert board(tmp_path / "out").psnr.notna().all()


def test_names_may_be_written_in_any_case(here, photos, tmp_path):
    common = ["--dataset", photos, "--scale", 2, "--no-speed", "--out", "out"]
    done = here("run", "--methods", "Nearest", "--metrics", "PSNR,psnr", "--protocol", "Y,y", *common)
    assert done.returncode == 0, done.stderr
    before = rows(tmp_path / "out")
    assert [(row["method"], row["protocol"], row["metric"]) for row in before] == [("nearest", "y/1", "psnr/1")] * 3
    assert "nothing to do" in here("run", "--methods", "nearest", "--metrics", "psnr", *common).stderr
    assert here("run", "--methods", "nearest", "--metrics", "psnr", *common[2:], "--dataset", "Sampels").returncode == 2
    done = here("run", "--methods", "nearest", "--metrics", "psnr", "--dataset", "Samples", "--no-speed", "--out", "s")
    assert done.returncode == 0, done.stderr
    assert set(board(tmp_path / "s").dataset) == {"samples"}


def test_without_speed_parameters_and_macs_are_known_and_no_timing_is_lost(here, photos, tmp_path):
    common = ["--methods", "espcn", "--dataset", photos, "--metrics", "psnr", "--speed-size", 16, "--out", "out"]
    assert here("run", *common, "--no-speed").returncode == 0
    counted = board(tmp_path / "out").iloc[0]
    assert (counted.params > 0, counted.macs % (16 * 16), pd.isna(counted.latency_ms)) == (True, 0, True)
    assert here("run", *common, "--speed-seconds", 0.01).returncode == 0
    timed = board(tmp_path / "out").iloc[0]
    assert (timed.params, timed.macs) == (counted.params, counted.macs)
    assert timed.latency_ms > 0
    assert "nothing to do" in here("run", *common, "--no-speed").stderr
    assert board(tmp_path / "out").iloc[0].latency_ms == timed.latency_ms
