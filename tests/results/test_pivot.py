"""The table of a paper, with the marks that a reader would set by hand."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from srbench.errors import UsageError
from srbench.results.pivot import to_text


@pytest.fixture
def board(run):
    """Three methods with PSNR and SSIM; two are equal as printed."""
    for method, psnr, ssim in (("a_b", 30.0, 0.9), ("c", 31.0, 0.7), ("d", 31.00001, 0.8)):
        run.score(method, "ssim", [ssim] * 10)
        run.method(method, [psnr] * 10)
        run.speed(method, 5.0)
    run.job("broken", "failed", "no")
    return run.board()


def test_latex_has_the_best_bold_and_the_second_underlined(board):
    assert to_text(replace(board, shown=("psnr", "ssim")), "latex").splitlines() == [
        "% x4 | protocol y | cpu, one | fp32",
        r"\begin{tabular}{lc}",
        r"\toprule",
        r"method & set \\",
        r" & PSNR dB / SSIM \\",
        r"\midrule",
        r"d & \textbf{31.0000} / \underline{0.8000} \\",
        r"c & \textbf{31.0000} / 0.7000 \\",
        r"a\_b & \underline{30.0000} / \textbf{0.9000} \\",
        r"broken & - / - \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_markdown_has_the_same_marks_and_costs_are_columns(board):
    assert to_text(replace(board, shown=("psnr", "ssim", "params")), "markdown").splitlines()[2:] == [
        "| method | params | set PSNR dB / SSIM |",
        "|---|---:|---:|",
        "| d | 5 | **31.0000** / <u>0.8000</u> |",
        "| c | 5 | **31.0000** / 0.7000 |",
        "| a_b | 5 | <u>30.0000</u> / **0.9000** |",
        "| broken | - | - / - |",
    ]


def test_other_formats(board):
    shown = replace(board, shown=("psnr", "ssim"))
    rows = list(csv.DictReader(to_text(shown, "csv").splitlines()))
    assert [row["set SSIM"] for row in rows] == ["0.8000", "0.7000", "0.9000", ""]
    (table,) = json.loads(to_text(shown, "json"))
    assert table["rows"][0] == {"method": "d", "set": {"PSNR dB": "31.0000", "SSIM": "0.8000"}}
    assert "31.0000* / 0.8000+" in to_text(shown, "terminal")


def test_what_has_no_place_is_refused(board):
    with pytest.raises(UsageError, match="--pivot has no place for the column 'interval'"):
        to_text(replace(board, shown=("psnr", "interval")), "latex")
