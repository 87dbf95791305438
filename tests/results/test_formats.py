"""A board as CSV, JSON, Markdown and LaTeX, character by character."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from srbench.results.formats import (
    frame_to_csv,
    latex_lines,
    legend,
    markdown_lines,
    spreadsheet_text,
    to_csv,
    to_json,
    to_latex,
    to_markdown,
)
from srbench.results.sections import Remark, Section

PART = Section(
    title="set x4 | a_b",
    columns=["method", "psnr"],
    headings=["method", "PSNR dB", "95 % CI (t)"],
    rows=[["a|b", "30.00", "29 to 31"], ["c_d", "28.00", "-"]],
    best=[[False, True, False], [False, False, False]],
    remarks=[Remark("c_d: [x] <y>")],
)
VERDICTS = (
    "vs best: difference in PSNR from the best, paired over images (Wilcoxon, Holm, 5 %): "
    "worse = significant, tie = not significant, empty = fewer than 8 images, not tested."
)
SILENT = Section("t", ["method"], ["method"], [["a"]], [[True]], [])


def test_a_ranking_in_markdown():
    lines = markdown_lines(PART)
    assert lines.head == [r"**set x4 \| a_b**", "", "| method | PSNR dB | 95 % CI (t) |", "|---|---:|---:|"]
    assert lines.rows == [r"| a\|b | **30.00** | 29 to 31 |", "| c_d | 28.00 | - |"]
    assert lines.tail == ["", r"- c_d: \[x\] &lt;y>", ""]
    assert lines.all == [*lines.head, *lines.rows, *lines.tail]


def test_a_ranking_in_markdown_without_remarks():
    lines = markdown_lines(SILENT)
    assert lines.head == ["**t**", "", "| method |", "|---|"]
    assert (lines.rows, lines.tail) == (["| **a** |"], [""])


def test_a_ranking_in_latex():
    lines = latex_lines(PART)
    assert lines.head == [
        "% set x4 | a_b",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"method & PSNR dB & 95 \% CI (t) \\",
        r"\midrule",
    ]
    assert lines.rows == [r"a|b & \textbf{30.00} & 29 to 31 \\", r"c\_d & 28.00 & - \\"]
    assert lines.tail == [r"\bottomrule", r"\end{tabular}", ""]


def test_latex_shows_every_special_character_as_itself():
    section = Section("t", ["method"], ["&%$#_{}"], [["\\~^"]], [[False]], [])
    lines = latex_lines(section)
    assert lines.head[3] == r"\&\%\$\#\_\{\} \\"
    assert lines.rows == [r"\textbackslash{}\textasciitilde{}\textasciicircum{} \\"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_spreadsheet_makes_a_formula_of_a_text(text):
    assert spreadsheet_text(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=b", "", "x", -1.5, None])
def test_other_values_are_left_as_they_are(value):
    assert spreadsheet_text(value) is value


def test_csv_of_a_frame():
    frame = pd.DataFrame({"method": ["-x", "y"], "psnr": [1 / 3, math.inf], "ssim": [math.nan, -0.5]})
    assert frame_to_csv(frame) == "method,psnr,ssim\n'-x,0.3333333333333333,\ny,inf,-0.5\n"
    assert frame_to_csv(frame, header=False) == "'-x,0.3333333333333333,\ny,inf,-0.5\n"


def test_csv_holds_the_whole_board_and_no_index(run):
    run.method("a", [1 + 2**-20] * 10)
    header, row = to_csv(run.board()).splitlines()
    assert header.startswith("method,dataset,")
    assert row.startswith("a,set,4,y,ok,1.0000009536743164,,,1.0000009536743164,1.0000009536743164,,,,,")


def test_json_holds_every_column(run):
    run.method("ä", [2.0, *[math.inf] * 9])
    run.speed("ä", 5.0)
    board = run.board()
    text = to_json(board)
    (record,) = json.loads(text)
    assert list(record) == list(board.frame.columns)
    assert (record["method"], record["scale"], record["images"], record["mpix_per_s"]) == ("ä", 4, 10, 5.0)
    assert (record["psnr"], record["psnr_low"], record["ssim"]) == ("inf", None, None)
    assert text.startswith('[\n  {\n    "method": "ä",\n')
    assert text.endswith("\n  }\n]\n")


def test_the_legend_says_what_a_verdict_means_where_there_is_one(run, new_run):
    run.method("a", [1.0] * 10)
    assert legend(run.board()) == []
    two = new_run("two")
    two.method("a", [1.0] * 10)
    two.method("b", [2.0] * 10)
    assert legend(two.board()) == [
        "* best of its column.",
        VERDICTS,
    ]


def test_a_board_in_markdown(run):
    run.score("a", "ssim", [0.5] * 9 + [(None, "too|small")])
    run.method("a", [1.0] * 10)
    run.score("b", "ssim", [0.25] * 10)
    run.method("b", [2.0] * 10)
    assert to_markdown(run.board()).splitlines() == [
        r"**set x4 \| protocol y \| cpu, one \| fp32 \| 10 images**",
        "",
        "| method | PSNR dB | 95 % CI (t) | vs best | SSIM |",
        "|---|---:|---:|---:|---:|",
        "| b | **2.0000** | 2.0000 to 2.0000 | best | 0.2500 |",
        "| a | 1.0000 | 1.0000 to 1.0000 | worse | **0.5000** |",
        "",
        r"ssim on set x4: 1 of 10 images left out: too\|small  ",
        VERDICTS,
    ]


def test_a_board_in_latex(run):
    run.method("a_b", [1.0] * 10)
    assert to_latex(run.board()) == (
        "% set x4 | protocol y | cpu, one | fp32 | 10 images\n"
        "\\begin{tabular}{lrr}\n\\toprule\nmethod & PSNR dB & 95 \\% CI (t) \\\\\n\\midrule\n"
        "a\\_b & 1.0000 & 1.0000 to 1.0000 \\\\\n\\bottomrule\n\\end{tabular}\n"
    )
