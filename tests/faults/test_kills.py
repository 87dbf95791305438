"""Killed at random moments and gone on with: nothing is lost, nothing doubled, and it ends as if nothing had been.

SRBENCH_LONG=1 kills 60 runs, 40 trainings and 10 reports; by default there are 4, 6 and 2 kills.
"""

from __future__ import annotations

import json
import os

import pytest
from safetensors.torch import load_file

LONG = "SRBENCH_LONG" in os.environ


@pytest.fixture
def photos(tmp_path, save_image):
    for i in range(12):
        save_image(tmp_path / "photos" / f"p{i:02d}.png", 64, 56, seed=i, mode="L" if i == 5 else "RGB")


@pytest.fixture
def sets(tmp_path, save_image):
    for i in range(3):
        save_image(tmp_path / "train" / f"t{i}.png", 48, 44, seed=i)
    save_image(tmp_path / "val" / "v.png", 40, 40, seed=9)


def scores(folder):
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return [(row["key"], row["value"]) for row in rows if row["kind"] == "score"]


def pictures(folder):
    files = [path for path in (folder / "images").rglob("*.png") if not path.name.startswith(".")]
    return {path.relative_to(folder): path.read_bytes() for path in files}


@pytest.mark.usefixtures("photos")
def test_runs(kill):
    whole, rounds = kill("run", 60 if LONG else 3)
    expected = dict(scores(whole))
    assert len(expected) == 3 * 12 * 2 * 2
    for folder in rounds:
        found = scores(folder)
        assert len(found) == len(expected)  # nothing twice
        assert dict(found) == expected
        assert pictures(folder) == pictures(whole)
        assert (folder / "leaderboard.csv").read_bytes() == (whole / "leaderboard.csv").read_bytes()


@pytest.mark.usefixtures("photos")
def test_reports(kill):
    whole, rounds = kill("report", 10 if LONG else 1)
    for folder in rounds:
        assert (folder / "report.html").read_bytes() == (whole / "report.html").read_bytes()


def weights(folder):
    return {name: value.numpy().tobytes() for name, value in load_file(folder / "last.safetensors").items()}


def logged(folder):
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize("method", ["espcn", "tiny-gan"])
@pytest.mark.usefixtures("sets")
def test_trainings(kill, method):
    whole, rounds = kill(method, 20 if LONG else 2)
    for folder in rounds:
        assert weights(folder) == weights(whole)
        assert logged(folder) == logged(whole)
        assert not [path for path in folder.iterdir() if path.name.startswith(".") and path.name != ".lock"]
