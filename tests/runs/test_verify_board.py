"""The CSV of a run beside its rows: what differs is named, what cannot be compared is said."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from srbench.results.run_file import read_run_file
from srbench.runs.verify_board import check_board
from tests.runs.conftest import make


@pytest.fixture
def run_dir(asked, tmp_path):
    make(replace(asked, sort="ssim"))
    return tmp_path / "run"


def edit(run_dir, change):
    path = run_dir / "leaderboard.csv"
    path.write_text(change(path.read_text()))
    return check_board(run_dir, read_run_file(run_dir))


def test_order_verdicts_and_last_digits_are_no_matter(run_dir):
    assert check_board(run_dir, read_run_file(run_dir)) == ([], "")

    def turn(text):
        head, *rows = text.splitlines()
        return "\n".join([head, *reversed(rows)])

    assert edit(run_dir, turn) == ([], "")


def test_rows_that_were_removed_added_or_altered_are_named(run_dir):
    head, first, *rest = (run_dir / "leaderboard.csv").read_text().splitlines()
    name = f"{first.split(',')[0]} on photos x2, {first.split(',')[3]}"
    for lines in ([head, *rest], [head, first, first, *rest], [head, first + "x", *rest]):
        assert edit(run_dir, lambda _, lines=lines: "\n".join(lines)) == ([name], "")


def test_what_cannot_be_compared_is_said(run_dir):
    assert "other columns" in edit(run_dir, lambda text: text.replace("psnr", "beauty", 1))[1]
    path = run_dir / "run.json"
    stored = json.loads(path.read_text())
    del stored["commands"][-1]["seconds"]
    assert "has not ended" in check_board(run_dir, stored)[1]
    (run_dir / "leaderboard.csv").unlink()
    assert "not there" in check_board(run_dir, read_run_file(run_dir))[1]
