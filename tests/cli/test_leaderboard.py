"""``srbench leaderboard``: the board of runs in every format, on standard output or in a file."""

from __future__ import annotations

import csv
import json

import pytest


@pytest.fixture
def board(here, tmp_path, save_image):
    """Show the board of a run of two methods on one image."""
    save_image(tmp_path / "set" / "a.png")
    common = ["--dataset", "set", "--scale", 2, "--metrics", "psnr", "--no-speed", "--out", "runs/one"]
    assert here("run", "--methods", "nearest,bicubic", *common).returncode == 0

    def show(*options):
        done = here("leaderboard", "runs/one", *options)
        return done.returncode, done.stdout, done.stderr

    return show


def test_each_format_ranks_the_better_method_first(board):
    code, text, _ = board("--format", "csv")
    assert code == 0
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["method"] for row in rows] == ["bicubic", "nearest"]
    first, second = (float(row["psnr"]) for row in rows)
    assert first > second
    records = json.loads(board("--format", "json")[1])
    assert [record["psnr"] for record in records] == [first, second]
    assert f"| bicubic | **{first:.2f}** | - | best |" in board("--format", "markdown")[1]
    assert rf"bicubic & \textbf{{{first:.2f}}} & - & best \\" in board("--format", "latex")[1]
    assert f"{second:.2f}" in board()[1]


def test_sorting_by_name_is_alphabetical(board):
    rows = csv.DictReader(board("--format", "csv", "--sort", "method")[1].splitlines())
    assert [row["method"] for row in rows] == ["bicubic", "nearest"]


def test_a_file_takes_what_would_be_printed_and_a_terminals_board_is_markdown(board, tmp_path):
    assert board("--format", "csv", "--out", "board.csv")[:2] == (0, "")
    assert (tmp_path / "board.csv").read_text() == board("--format", "csv")[1]
    assert board("--out", "board.md")[:2] == (0, "")
    assert (tmp_path / "board.md").read_text() == board("--format", "markdown")[1]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--sort", "beauty"], 2, "cannot sort by 'beauty'; there are: psnr,"),
        (["--against-published"], 2, "no method of these runs has published figures for their datasets and scales"),
        (["--format", "word"], 2, "'word' is not one of"),
        (["nowhere"], 1, "nowhere holds no run: run.json does not exist"),
    ],
)
def test_what_cannot_be_shown_is_one_line(board, options, code, said):
    status, out, err = board(*options)
    assert (status, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1
