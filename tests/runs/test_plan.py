"""What a run has to do: what is done is left out, what cannot be is said first."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

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


def test_unsupported_scale_is_said_first_and_no_failure(here, photos, tmp_path):
    options = ["--plugin", FAULTY, "--dataset", photos, "--metrics", "psnr", "--no-speed", "--out", "out"]
    done = here("run", "--methods", "prints,nearest", "--scale", "2,3", *options)
    assert done.returncode == 0, done.stderr
    assert "prints does not do x3 (it does x2, x4): unsupported" in done.stderr
    found = board(tmp_path / "out").set_index(["method", "scale"]).status
    assert found["prints", 3] == "unsupported"
    assert (found.drop(("prints", 3)) == "ok").all()
