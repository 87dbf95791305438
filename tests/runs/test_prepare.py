"""What a run needs before its jobs: datasets whose images can be used, weights, metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def photos(tmp_path, save_image):
    for i in range(3):
        save_image(tmp_path / "photos" / f"p{i}.png", seed=i)
    return tmp_path / "photos"


def rows(folder: Path, kind: str = "score") -> list[dict]:
    found = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return [row for row in found if row["kind"] == kind]


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
    assert {row["dataset"] for row in rows(tmp_path / "both")} == {f"{tmp_path.name.lower()}-photos", "other-photos"}


def test_folders_called_hr_have_the_names_of_their_parents(here, tmp_path, save_image):
    for name in ("A", "B"):
        save_image(tmp_path / name / "HR" / "a.png", seed=ord(name))
    options = ["run", "--methods", "nearest", "--metrics", "psnr", "--no-speed", "--out", "out"]
    done = here(*options, "--dataset", "A/HR,B/HR,other=A/HR")
    assert done.returncode == 0, done.stderr
    assert {row["dataset"] for row in rows(tmp_path / "out")} == {"a-hr", "b-hr", "other"}
    done = here(*options, "--dataset", "x=A/HR,x=B/HR")
    assert done.returncode == 2
    assert "two datasets are named x; NAME=FOLDER gives another name" in done.stderr


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
