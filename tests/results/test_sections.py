"""Rankings as texts: which columns are shown, how numbers are written, which are best, what is not compared."""

from __future__ import annotations

import json
import math

import pytest

from srbench.results.board import load_board
from srbench.results.sections import sections


def table(section):
    """Return the cells by method and heading."""
    return {row[0]: dict(zip(section.headings, row, strict=True)) for row in section.rows}


def marked(section):
    """Return what is marked as the best of its column, as (method, heading)."""
    return {
        (row[0], heading)
        for row, best in zip(section.rows, section.best, strict=True)
        for heading, won in zip(section.headings, best, strict=True)
        if won
    }


@pytest.fixture
def shown(run):
    """Write one method for each figure of a column, and return how the column shows them."""

    def write(heading, column, *values):
        for n, value in enumerate(values):
            run.method(f"m{n}", [1.0 - n] * 10)
            run.speed(f"m{n}", 1.0, **{column: value})
        (section,) = sections(run.board())
        return [table(section)[f"m{n}"][heading] for n in range(len(values))]

    return write


@pytest.mark.parametrize("other", [{"size": 32}, {"batch": 16}, {"size": 32, "batch": 16}])
def test_speeds_at_another_size_or_batch_are_not_shown_in_one_table(run, other):
    run.method("best", [2.0] * 10)
    run.speed("best", 5.0)
    run.method("other", [1.0] * 10)
    run.speed("other", 6.0, **other)
    run.method("alike", [0.5] * 10)
    run.speed("alike", 4.0)
    (section,) = sections(run.board())
    cells = table(section)
    costs = ("params", "MACs", "ms", "img/s", "MPix/s", "MiB")
    assert [cells["best"][name] for name in costs] == ["5", "7", "1.5", "2", "5", "3"]
    assert [cells["other"][name] for name in costs] == ["5", "-", "-", "-", "-", "-"]
    assert [cells["alike"][name] for name in costs] == ["5", "7", "1.5", "2", "4", "3"]
    assert [remark.text for remark in section.remarks] == [
        "other: speed was measured at another size or batch and is not shown"
    ]
    assert ("best", "MPix/s") in marked(section)
    assert "| speed at LR 256x256, batch 1 (medians) |" in section.title


def test_the_first_speed_of_a_table_says_at_which_size_it_stands(run):
    run.method("never timed", [3.0] * 10)
    run.method("small", [2.0] * 10)
    run.speed("small", 5.0, size=32, batch=4)
    run.method("large", [1.0] * 10)
    run.speed("large", 6.0)
    (section,) = sections(run.board())
    assert section.title == "set x4 | protocol y | cpu, one | fp32 | speed at LR 32x32, batch 4 (medians) | 10 images"
    assert [remark.text for remark in section.remarks] == [
        "large: speed was measured at another size or batch and is not shown"
    ]
    assert table(section)["never timed"]["MPix/s"] == "-"


def test_timings_that_spread_widely_are_named(run):
    for name, low, high in (("steady", 1.0, 1.4), ("busy", 1.0, 2.25)):
        run.method(name, [2.0] * 10)
        run.speed(name, 5.0, latency_p10_ms=low, latency_p90_ms=high)
    (section,) = sections(run.board())
    assert [remark.text for remark in section.remarks] == [
        "timings of busy (2.2) spread widely (90th by 10th percentile): time again on an idle machine"
    ]


def test_without_speed_the_title_is_silent_about_it(run):
    run.method("a", [3.0] * 10)
    (section,) = sections(run.board())
    assert section.title == "set x4 | protocol y | cpu, one | fp32 | 10 images"
    assert section.headings == ["method", "PSNR dB", "95 % CI (t)"]
    assert section.columns == ["method", "psnr", "interval"]
    assert section.rows == [["a", "3.0000", "3.0000 to 3.0000"]]
    assert [remark.text for remark in section.remarks] == []


def test_columns_are_those_that_have_a_value(run):
    for method in "ab":
        run.score(method, "lpips", [0.25] * 10, protocol="")
        run.method(method, [3.0] * 10)
        run.speed(method, 5.0, macs=None, peak_mem_mib=None)
    (section,) = sections(run.board("lpips"))
    headings = ["method", "PSNR dB", "LPIPS", "95 % CI (t)", "vs best", "params", "ms", "img/s", "MPix/s"]
    assert section.headings == headings
    assert section.rows[0] == ["a", "3.0000", "0.2500", "0.2500 to 0.2500", "best", "5", "1.5", "2", "5"]
    assert section.rows[1][4] == "tie"


def test_a_ranking_in_which_nothing_could_be_scored_shows_the_status(run):
    run.job("a", "failed", "ValueError:\nno")
    run.job("b", "unsupported", "does not do x4")
    (section,) = sections(run.board())
    assert section.headings == ["method", "status"]
    assert section.rows == [["a", "failed"], ["b", "unsupported"]]
    assert section.best == [[False, False]] * 2
    assert [remark.text for remark in section.remarks] == ["a failed: ValueError: no", "b unsupported: does not do x4"]


def test_a_ranking_without_quality_shows_what_was_measured(run):
    run.job("a")
    run.speed("a", 5.0, params=None, macs=None, latency_ms=None, images_per_s=None, peak_mem_mib=None)
    (section,) = sections(run.board())
    assert section.headings == ["method", "MPix/s"]
    assert section.rows == [["a", "5"]]


def test_failed_methods_keep_their_row_and_are_never_best(run):
    run.method("good", [1.0] * 10)
    run.method("worse", [0.5] * 10)
    run.score("broke", "psnr", [9.0] * 4)
    run.job("broke", "failed", "out of memory")
    run.speed("broke", 99.0)
    (section,) = sections(run.board())
    assert section.rows[-1] == ["broke", "failed", *[""] * (len(section.headings) - 2)]
    assert [remark.text for remark in section.remarks] == ["broke failed: out of memory"]
    assert marked(section) == {("good", "PSNR dB")}


def test_the_best_of_each_column_is_marked_on_every_row_that_has_it(run):
    for method, psnr, ssim, lpips, mpix in (
        ("a", 3.0, 0.5, 0.3, 1.0),
        ("b", 3.0, 0.9, 0.1, 2.0),
        ("c", 1.0, 0.9, 0.2, 3.0),
    ):
        run.score(method, "ssim", [ssim] * 10)
        run.score(method, "lpips", [lpips] * 10, protocol="")
        run.method(method, [psnr] * 10)
        run.speed(method, mpix, latency_ms=mpix, params=5 - mpix)
    (section,) = sections(run.board())
    assert marked(section) == {
        *(("a", "PSNR dB"), ("b", "PSNR dB"), ("b", "SSIM"), ("c", "SSIM"), ("b", "LPIPS")),
        *(("c", "MPix/s"), ("a", "ms"), ("c", "params")),
    }


def test_values_that_are_printed_alike_are_marked_alike(run):
    for method, psnr, ssim in (("a", 31.00001, 0.8), ("b", 31.0, 0.80004), ("c", 30.0, 0.8)):
        run.score(method, "ssim", [ssim] * 10)
        run.method(method, [psnr] * 10)
    (section,) = sections(run.board())
    assert marked(section) == {("a", "PSNR dB"), ("b", "PSNR dB")}


def test_a_column_with_one_value_or_the_same_everywhere_has_no_best(run):
    run.method("a", [3.0] * 10)
    run.method("b", [3.0] * 10)
    run.speed("a", 5.0)
    (section,) = sections(run.board())
    assert marked(section) == set()


def test_counts_have_three_digits_and_a_prefix(shown):
    counts = [0, 999, 1000, 1234, 999_000, 1_000_000, 12_345_678, 1e9, 2.5e11, 1e12, 3.456e13]
    expected = ["0", "999", "1 k", "1.23 k", "999 k", "1 M", "12.3 M", "1 G", "250 G", "1 T", "34.6 T"]
    counts += [999_499, 999_500, 999_600, 999_499_000, 999_600_000, 999_499_000_000, 999_600_000_000]
    expected += ["999 k", "1 M", "1 M", "999 M", "1 G", "999 G", "1 T"]
    assert shown("params", "params", *counts) == expected


def test_other_costs_have_three_digits_or_are_whole(shown):
    values = [0.012345, 1.5, 998.5, 999.4, 999.5, 999.7, 1000.0, 12345.6]
    expected = ["0.0123", "1.5", "998", "999", "1000", "1000", "1000", "12346"]
    assert shown("img/s", "images_per_s", *values) == expected


def test_decimals_are_those_that_the_metric_says(run):
    path = run.folder / "run.json"
    described = json.loads(path.read_text())
    described["metrics"]["psnr"]["decimals"] = 2
    path.write_text(json.dumps(described))
    run.method("a", [12.3456, 14.3456] * 5)
    (section,) = sections(run.board())
    assert section.rows[0][1] == "13.35"
    low, high = section.rows[0][2].split(" to ")
    assert [len(end.split(".")[1]) for end in (low, high)] == [2, 2]


def test_an_interval_that_is_not_defined_is_a_dash(run):
    run.method("a", [math.inf, *[3.0] * 9])
    (section,) = sections(run.board())
    assert section.rows == [["a", "inf", "-"]]


def test_names_from_files_stay_on_one_line_and_cannot_steer_a_terminal(run):
    run.method("a\n\x1b[31mb", [3.0] * 10)
    (section,) = sections(run.board())
    assert section.rows[0][0] == "a \\x1b[31mb"


def test_rankings_stand_in_the_order_of_the_board_and_apart(new_run):
    runs = [new_run("one", device="cpu, A"), new_run("two", device="cpu, B")]
    for n, run in enumerate(runs):
        run.method("a", [1.0 + n] * 10)
        run.method("b", [2.0 + n] * 10)
        run.speed("a", 1.0, size=64 * (n + 1))
        run.file.close()
    first, second = sections(load_board([run.folder for run in runs]))
    assert [row[0] for row in first.rows] == ["b", "a"]
    assert "cpu, A" in first.title
    assert "64x64" in first.title
    assert "cpu, B" in second.title
    assert "128x128" in second.title
