"""Means, intervals, significance, sections and sorting, from rows written by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import scipy

from srbench.errors import SRBenchError, UsageError
from srbench.results.board import load_board
from srbench.results.formats import to_csv, to_json, to_latex, to_markdown
from srbench.results.rows import ResultsFile
from srbench.results.sections import sections


def noise(seed, count=10, centre=30.0, spread=2.0):
    return list(np.random.default_rng(seed).normal(centre, spread, count))


def test_columns_begin_as_promised(run):
    run.method("a", noise(0))
    header = to_csv(run.board()).splitlines()[0]
    assert header.startswith("method,dataset,scale,protocol,status,psnr,ssim,lpips,psnr_low,psnr_high,")
    rest = header.split(",")
    order = [
        "params",
        "macs",
        "latency_ms",
        "images_per_s",
        "mpix_per_s",
        "peak_mem_mib",
        "device",
        "precision",
        "weights",
    ]
    assert [name for name in rest if name in order] == order


def test_mean_and_interval_agree_with_scipy(run):
    values = noise(1)
    run.method("a", values)
    row = run.board().frame.iloc[0]
    assert row.psnr == pytest.approx(np.mean(values))
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (row.psnr_low, row.psnr_high) == pytest.approx((expected.low, expected.high))


def test_clear_difference_is_worse_and_none_is_a_tie(run):
    best = noise(2)
    run.method("best", best)
    run.method("clearly", [value - 1 - 0.1 * i for i, value in enumerate(best)])
    run.method("hardly", [value - 0.05 + 0.1 * (-1) ** i for i, value in enumerate(best)])
    run.method("same", [value - 1e-12 for value in best[:-1]] + [best[-1]])
    verdicts = run.board().frame.set_index("method").vs_best
    assert verdicts[["best", "clearly", "hardly"]].tolist() == ["best", "worse", "tie"]


def test_holm_is_applied_over_the_section(run):
    """Two rivals whose p alone is below 5 % but above 2.5 %: with Holm neither is claimed."""
    best = [30.0] * 10
    signs = [1, 2, 3, 4, 5, 6, -7, 8, 9, 10]
    assert 0.025 < scipy.stats.wilcoxon(signs).pvalue < 0.05
    run.method("best", best)
    run.method("one", [30 - 0.01 * s for s in signs])
    run.method("two", [30 - 0.02 * s for s in signs])
    assert run.board().frame.set_index("method").vs_best[["one", "two"]].tolist() == ["tie", "tie"]


def test_nothing_is_claimed_below_8_images(new_run):
    run = new_run("few", images=7)
    run.method("a", noise(0, 7))
    run.method("b", [value - 5 for value in noise(0, 7)])
    assert run.board().frame.vs_best.tolist() == ["best", ""]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("psnr", "bac"),
        ("lpips", "cab"),
        ("ssim", "abc"),
        ("mpix_per_s", "cba"),
        ("latency_ms", "abc"),
        ("method", "abc"),
    ],
)
def test_sorts_best_first_whatever_is_better(run, sort, order):
    for method, psnr, lpips, ssim, mpix in (("a", 2, 0.2, 0.9, 1), ("b", 3, 0.3, 0.8, 2), ("c", 1, 0.1, 0.7, 3)):
        run.score(method, "lpips", [lpips] * 10, protocol="")
        run.score(method, "ssim", [ssim] * 10)
        run.method(method, [float(psnr)] * 10)
        run.speed(method, mpix)
    assert "".join(run.board(sort).frame.method) == order


def test_unknown_column_is_refused(run):
    run.method("a", noise(0))
    with pytest.raises(UsageError, match="cannot sort by 'beauty'; there are: psnr, ssim"):
        run.board("beauty")


def test_failed_and_interrupted_rows_have_no_mean_and_stand_last(run):
    run.score("broke", "psnr", noise(0)[:4])
    run.job("broke", "failed", "ValueError: no")
    run.job("cut", "started")
    run.score("cut", "psnr", noise(0)[:4])
    run.job("cannot", "unsupported", "does not do x4")
    run.method("good", noise(1))
    frame = run.board().frame.set_index("method")
    assert list(frame.index) == ["good", "broke", "cut", "cannot"]
    assert frame.status.tolist() == ["ok", "failed", "failed", "unsupported"]
    assert frame.psnr[1:].isna().all()
    assert "interrupted" in frame.reason["cut"]


def test_infinite_and_undefined_values(run):
    run.score("a", "ssim", [0.5] * 9 + [(None, "too small: 9x9")])
    run.method("a", [math.inf, *noise(0, 9)])
    board = run.board()
    row = board.frame.iloc[0]
    assert row.psnr == math.inf
    assert math.isnan(row.psnr_low)
    assert row.ssim == pytest.approx(0.5)
    assert board.notes == ["ssim on set x4: 1 of 10 images left out: too small: 9x9"]
    assert ",inf," in to_csv(board)
    (record,) = json.loads(to_json(board), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert record["psnr"] == "inf"
    assert record["lpips"] is None


def test_only_the_latest_code_of_a_method_counts(run):
    run.method("a", [1.0] * 10, plugin="old")
    run.method("a", [2.0] * 10, plugin="new")
    assert run.board().frame.psnr.tolist() == [2.0]


def test_devices_never_share_a_ranking(new_run, tmp_path):
    for name, device in (("one", "cpu, A"), ("two", "cuda, B")):
        run = new_run(name, device=device)
        run.method("a", noise(0))
        run.method("b", [v - 3 for v in noise(0)])
        run.file.close()
    board = load_board([tmp_path / "one", tmp_path / "two"])
    assert [list(section.device.unique()) for section in board.sections()] == [["cpu, A"], ["cuda, B"]]
    assert board.frame.vs_best.tolist() == ["best", "worse", "best", "worse"]


def test_of_the_same_method_in_two_runs_the_later_counts(new_run, tmp_path):
    for name, value in (("one", 1.0), ("two", 2.0)):
        run = new_run(name)
        run.method("a", [value] * 10)
        run.file.close()
    assert load_board([tmp_path / "one", tmp_path / "two"]).frame.psnr.tolist() == [2.0]
    assert load_board([tmp_path / "two", tmp_path / "one"]).frame.psnr.tolist() == [1.0]


def test_merging_keeps_what_only_one_run_measured(new_run, tmp_path):
    one, two = new_run("one"), new_run("two")
    one.method("a", [1.0] * 10)
    one.speed("a", 5.0)
    two.score("a", "ssim", [0.5] * 10)
    two.job("a")
    for run in (one, two):
        run.file.close()
    frame = load_board([tmp_path / "one", tmp_path / "two"]).frame
    assert frame[["psnr", "ssim", "mpix_per_s"]].to_numpy().tolist() == [[1.0, 0.5, 5.0]]


def test_going_back_to_earlier_code_shows_its_numbers(run):
    run.method("a", [1.0] * 10, plugin="old")
    run.method("a", [2.0] * 10, plugin="new")
    run.job("a", plugin="old")
    assert run.board().frame.psnr.tolist() == [1.0]


def test_speeds_of_different_settings_are_not_compared(new_run, tmp_path):
    one, two = new_run("one"), new_run("two")
    one.method("a", [1.0] * 10)
    one.speed("a", 5.0)
    two.method("b", [2.0] * 10)
    two.speed("b", 6.0, size=32)
    for run in (one, two):
        run.file.close()
    (section,) = sections(load_board([tmp_path / "one", tmp_path / "two"]))
    shown = {row[0]: row[section.headings.index("MPix/s")] for row in section.rows}
    assert shown == {"b": "6", "a": "-"}
    assert [remark.text for remark in section.remarks] == [
        "a: speed was measured at another size or batch and is not shown"
    ]


def test_timings_on_a_shared_device_are_never_ranked(run):
    for method in "abc":
        run.method(method, noise(0))
    run.speed("a", 5.0)
    run.speed("b", 99.0, shared="other work on node7")
    run.speed("c", 4.0)
    run.speed("c", 98.0, shared="other work on node7")
    board = run.board("mpix_per_s")
    frame = board.frame.set_index("method")
    assert frame.mpix_per_s.dropna().to_dict() == {"a": 5.0, "c": 4.0}
    assert frame.latency_ms.notna().to_dict() == {"a": True, "b": False, "c": True}
    assert frame.macs.tolist() == [7, 7, 7]
    (note,) = board.notes
    assert note.startswith("b x4: timed on a shared device (other work on node7)")


def test_values_count_alike_in_whatever_order_they_came(new_run):
    values = noise(3)
    tables = []
    for name, order in (("one", range(10)), ("two", reversed(range(10)))):
        run = new_run(name)
        for i in order:
            images, run.images = run.images, {f"i{i}": f"hash{i}"}
            run.score("a", "psnr", [values[i]])
            run.images = images
        run.job("a")
        tables.append(to_csv(run.board()))
    assert tables[0] == tables[1]


@pytest.mark.parametrize(("name", "content"), [("run.json", '{"schema": 1}'), ("results.jsonl", '{"schema": 1}\n')])
def test_foreign_files_are_named_and_no_bug(run, name, content):
    run.method("a", [1.0] * 10)
    run.file.close()
    (run.folder / name).write_text(content)
    with pytest.raises(SRBenchError, match="is damaged or not srbench's"):
        load_board([run.folder])


def test_a_folder_without_a_run_is_said(tmp_path):
    with pytest.raises(SRBenchError, match=r"holds no run: run\.json does not exist"):
        load_board([tmp_path])


def test_best_of_each_column_is_marked_everywhere(run):
    run.method("a|b", [2.0] * 10)
    run.method("c_d", [1.0] * 10)
    run.speed("a|b", 1)
    run.speed("c_d", 9)
    board = run.board()
    (section,) = sections(board)
    marked = {
        (row[0], heading)
        for row, best in zip(section.rows, section.best, strict=True)
        for heading, won in zip(section.headings, best, strict=True)
        if won
    }
    assert marked == {("a|b", "PSNR dB"), ("c_d", "MPix/s")}
    assert "| a\\|b | **2.0000** |" in to_markdown(board)
    assert "c\\_d & 1.0000 &" in to_latex(board)


def test_csv_reads_back_as_it_was(run, tmp_path):
    run.method("a", noise(0))
    board = run.board()
    (tmp_path / "b.csv").write_text(to_csv(board))
    assert pd.read_csv(tmp_path / "b.csv").psnr[0] == board.frame.psnr[0]


def test_weights_trained_on_another_loss_are_remarked_on_every_board(run):
    run.method("a", noise(0))
    run.method("b", noise(1))
    path = run.folder / "run.json"
    used = {"path": "w", "origin": "trained", "card": {}, "remark": "trained on the loss x"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"weights": {"w1": used}}))
    assert "trained on" not in to_markdown(run.board())
    run.file = ResultsFile(run.folder / "results.jsonl")
    changed = {"weights": "w1"}
    for row in [json.loads(line) for line in (run.folder / "results.jsonl").read_text().splitlines()]:
        if row["method"] == "b":
            run.file.append({**row, **changed})
    board = run.board()
    assert board.notes == ["b x4: trained on the loss x (weights w1)"]
    assert "b x4: trained on the loss x (weights w1)" in to_markdown(board)
