"""The table of a paper, with the marks that a reader would set by hand."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from srbench.errors import UsageError
from srbench.results.pivot import pivots, remarks, to_text


def text_of(board, style):
    return to_text(pivots(board), style)


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
    assert text_of(replace(board, shown=("psnr", "ssim")), "latex").splitlines() == [
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
    assert text_of(replace(board, shown=("psnr", "ssim", "params")), "markdown").splitlines()[2:] == [
        "| method | params | set PSNR dB / SSIM |",
        "|---|---:|---:|",
        "| d | 5 | **31.0000** / <u>0.8000</u> |",
        "| c | 5 | **31.0000** / 0.7000 |",
        "| a_b | 5 | <u>30.0000</u> / **0.9000** |",
        "| broken | - | - / - |",
    ]


def test_other_formats(board):
    shown = replace(board, shown=("psnr", "ssim"))
    rows = list(csv.DictReader(text_of(shown, "csv").splitlines()))
    assert [row["set SSIM"] for row in rows] == ["0.8000", "0.7000", "0.9000", ""]
    (table,) = json.loads(text_of(shown, "json"))
    assert table["rows"][0] == {"method": "d", "set": {"PSNR dB": "31.0000", "SSIM": "0.8000"}}
    assert "31.0000* / 0.8000+" in text_of(shown, "terminal")


def test_what_has_no_place_is_refused(board):
    with pytest.raises(UsageError, match="--pivot has no place for the column 'interval'"):
        text_of(replace(board, shown=("psnr", "interval")), "latex")


@pytest.mark.parametrize("column", ["device", "weights", "images", "psnr_low"])
def test_texts_and_what_differs_by_dataset_are_no_costs(board, column):
    with pytest.raises(UsageError, match=f"--pivot has no place for the column '{column}'"):
        pivots(replace(board, shown=("psnr", column)))


def test_a_cost_without_values_is_left_out_with_a_word(board):
    board.frame["macs"] = None
    tables = pivots(replace(board, shown=("psnr", "params", "macs")))
    assert tables[0].costs == ["params"]
    assert remarks(tables) == ["x4 | protocol y | cpu, one | fp32: no value of MACs, left out"]
    assert remarks(pivots(replace(board, shown=("psnr", "params")))) == []


def test_datasets_stand_in_the_order_of_the_runs(new_run):
    """Rows of results come in the order in which jobs end, and a later run may add to an earlier one."""
    one = new_run("one")
    described = json.loads((one.folder / "run.json").read_text())
    (stored,) = described["datasets"].values()
    described["datasets"] = {"set5 x4": stored, "set14 x4": stored, "set x4": stored}
    (one.folder / "run.json").write_text(json.dumps(described))
    one.method("a", [1.0] * 10)
    one.method("b", [2.0] * 10)
    text = (one.folder / "results.jsonl").read_text()
    for name, swapped in (("set14", False), ("set5", True)):
        other = text.replace('"dataset":"set"', f'"dataset":"{name}"')
        with (one.folder / "results.jsonl").open("a") as file:
            file.write(other.replace('"value":1.0', '"value":3.0') if swapped else other)
    (table,) = pivots(one.board())
    assert table.datasets == ["set5", "set14", "set"]
    assert [row[0] for row in table.rows] == ["a", "b"]  # ranked by the first
