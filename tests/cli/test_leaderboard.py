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
    assert f"| bicubic | **{first:.2f}** | - | best | 0 | 0 |" in board("--format", "markdown")[1]
    assert rf"bicubic & \textbf{{{first:.2f}}} & - & best & 0 & 0 \\" in board("--format", "latex")[1]
    assert f"{second:.2f}" in board()[1]


def test_sorting_by_name_is_alphabetical(board):
    rows = csv.DictReader(board("--format", "csv", "--sort", "method")[1].splitlines())
    assert [row["method"] for row in rows] == ["bicubic", "nearest"]


def test_a_file_takes_what_would_be_printed_and_a_terminals_board_is_markdown(board, tmp_path):
    assert board("--format", "csv", "--out", "board.csv")[:2] == (0, "saved board.csv\n")
    assert (tmp_path / "board.csv").read_text() == board("--format", "csv")[1]
    assert board("--out", "board")[:2] == (0, "saved board\n")
    assert (tmp_path / "board").read_text() == board("--format", "markdown")[1]


def test_the_ending_of_a_file_says_its_format(board, tmp_path):
    for ending, style in ((".csv", "csv"), (".TEX", "latex"), (".json", "json"), (".md", "markdown")):
        assert board("--out", f"table{ending}")[:2] == (0, f"saved table{ending}\n")
        assert (tmp_path / f"table{ending}").read_text() == board("--format", style)[1]
    assert board("--pivot", "--out", "pivot.tex")[0] == 0
    assert (tmp_path / "pivot.tex").read_text().startswith("% x2 | protocol y")
    assert board("--format", "terminal", "--out", "table.txt")[0] == 0
    assert (tmp_path / "table.txt").read_text() == board()[1]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--sort", "beauty"], 2, "cannot sort by 'beauty'; there are: psnr, method, interval"),
        (["--columns", "psnr,latenci_ms"], 2, "cannot show 'latenci_ms'; did you mean 'latency_ms'?"),
        (["--pivot", "--columns", "params"], 2, "--pivot needs a metric that has values"),
        (["--pivot", "--against-published"], 2, "--pivot and --against-published cannot be combined"),
        (["--format", "word"], 2, "'word' is not one of"),
        (["--format", "csv", "--out", "t.tex"], 2, "--format csv and --out t.tex contradict each other: .tex is latex"),
        (["--format", "terminal", "--out", "t.md"], 2, "contradict each other: .md is markdown"),
        (["--out", "table.xlsx"], 2, "--out table.xlsx: .xlsx is no ending of a format; there are .csv, .json"),
        (["--out", "tables/"], 2, "'tables/' is a folder; give the name of a file"),
        (["--out", "runs"], 2, "'runs' is a folder; give the name of a file"),
        (["nowhere"], 2, "nowhere holds no run: there is no such folder"),
        (["set"], 2, "set holds no run: run.json does not exist"),
        (["set/a.png"], 2, "set/a.png: is no run; give the folder that 'srbench run' made, or the run.json in it"),
    ],
)
def test_what_cannot_be_shown_is_one_line(board, options, code, said):
    status, out, err = board(*options)
    assert (status, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_without_published_figures_there_is_an_empty_table_and_a_note(board):
    code, out, err = board("--against-published", "--format", "csv")
    assert code == 0
    assert out.startswith("method,dataset,scale,metric,published,")
    assert out.count("\n") == 1
    assert err == "no method of these runs has published figures for their datasets and scales\n"


@pytest.mark.parametrize("command", ["leaderboard", "report", "verify", "rerun"])
@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("nowhere", "nowhere holds no run: there is no such folder"),
        ("set", "set holds no run: run.json does not exist"),
        ("set/a.png", "set/a.png: is no run; give the folder"),
    ],
)
def test_what_is_no_run_is_said_alike_everywhere(here, tmp_path, save_image, command, run, said):
    save_image(tmp_path / "set" / "a.png")
    done = here(command, run)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_without_results_is_said_and_a_run_file_names_its_run(board, here, tmp_path):
    assert here("leaderboard", "runs/one/run.json", "--format", "csv").stdout == board("--format", "csv")[1]
    (tmp_path / "runs" / "one" / "results.jsonl").unlink()
    for command in ("leaderboard", "report"):
        done = here(command, "runs/one")
        assert (done.returncode, done.stdout) == (1, "")
        assert "runs/one: has no results yet" in done.stderr


def test_a_folder_of_runs_names_them(board, here):
    for command in ("leaderboard", "report", "verify", "rerun"):
        done = here(command, "runs")
        assert (done.returncode, done.stdout) == (2, "")
        said = "runs holds no run: run.json does not exist; its sub-folders do: one; give one or several"
        assert done.stderr == f"error: {said}\n"


@pytest.mark.parametrize("length", [0, 40])
def test_results_that_are_cut_off_are_damaged(board, here, tmp_path, length):
    results = tmp_path / "runs" / "one" / "results.jsonl"
    results.write_bytes(results.read_bytes()[:length])
    for command in ("leaderboard", "report"):
        done = here(command, "runs/one")
        assert (done.returncode, done.stdout) == (1, "")
        assert "runs/one: results.jsonl is damaged: it " in done.stderr
        assert "no results yet" not in done.stderr


def test_results_that_end_in_the_middle_of_a_row_are_said_to_be_damaged(board, tmp_path):
    results = tmp_path / "runs" / "one" / "results.jsonl"
    results.write_bytes(results.read_bytes()[:-9])
    code, out, _ = board()
    assert code == 0
    assert "runs/one: results.jsonl is damaged: it ends in the middle of a row; the same 'srbench run' " in out


@pytest.mark.parametrize("sort", ["PSNR", "psnr db", "95 % CI", "95 % CI (t)", "vs best", "MACs", "device", "images"])
def test_any_heading_sorts(board, sort):
    code, out, err = board("--sort", sort, "--format", "csv")
    assert code == 0, err
    methods = [row["method"] for row in csv.DictReader(out.splitlines())]
    assert methods[0] == "bicubic" or sort in {"MACs", "device", "images"}


def test_columns_are_those_that_are_named(board):
    _, out, _ = board("--columns", "PSNR,params", "--format", "csv")
    assert out.splitlines()[0] == "method,dataset,scale,protocol,status,psnr,params"
    _, out, _ = board("--columns", "95 % CI,psnr", "--format", "markdown")
    assert "| method | 95 % CI (t) | PSNR dB |" in out
    (record, _) = json.loads(board("--columns", "interval", "--format", "json")[1])
    assert list(record)[-2:] == ["psnr_low", "psnr_high"]


@pytest.mark.parametrize("command", ["leaderboard", "report"])
@pytest.mark.parametrize("column", ["lpips", "ssim", "ms", "latency_ms", "img/s", "MPix/s", "MiB", "peak_mem_mib"])
def test_a_column_without_values_ranks_nothing(board, here, command, column):
    done = here(command, "runs/one", "--sort", column)
    assert (done.returncode, done.stdout) == (2, "")
    there = "psnr, method, interval, vs_best, params, macs"
    assert done.stderr == f"error: cannot sort by {column!r}: no row has a value; there are: {there}\n"


def test_a_column_without_values_is_not_shown(board):
    for options in (["--columns", "psnr,lpips"], ["--columns", "lpips", "--pivot"], ["--columns", "lpips,psnr"]):
        code, out, err = board(*options)
        assert (code, out) == (2, "")
        assert err.startswith("error: cannot show 'lpips': no row has a value; there are: psnr, method, ")


def test_a_run_of_another_metric_ranks_by_it_unless_psnr_is_named(here, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    common = ["--dataset", "set", "--scale", 2, "--metrics", "ssim", "--no-speed", "--out", "out"]
    assert here("run", "--methods", "nearest,bicubic", *common).returncode == 0
    rows = list(csv.DictReader(here("leaderboard", "out", "--format", "csv").stdout.splitlines()))
    assert float(rows[0]["ssim"]) > float(rows[1]["ssim"])
    assert here("leaderboard", "out", "--sort", "psnr").returncode == 2
    refused = here("run", "--methods", "nearest", *common[:-1], "new", "--sort", "ms")
    assert refused.returncode == 2
    assert refused.stderr == "error: cannot sort by 'ms': --no-speed measures no speed and no memory\n"
    assert not (tmp_path / "new").exists()
