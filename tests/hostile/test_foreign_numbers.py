"""Numbers that cannot be, in files that are read back: the line is named, or they are not shown; no traceback."""

from __future__ import annotations

import json
import shutil
import warnings

import pytest

from srbench.errors import SRBenchError
from srbench.results.board import load_board
from srbench.results.published import _trained
from srbench.results.rows import read_rows
from srbench.results.run_file import bounds_of, read_run_file

RUN = ("run", "--methods", "nearest", "--dataset", "set", "--metrics", "psnr,ssim", "--inline", "--out", "out")
QUICK = ("--speed-size", "16", "--speed-seconds", "0.05")


@pytest.fixture(scope="module")
def finished(once):
    """A run of one method on one image."""
    import os
    import subprocess
    import sys

    import numpy as np
    from PIL import Image

    def make(folder):
        (folder / "set").mkdir()
        Image.fromarray(np.arange(48 * 48 * 3, dtype=np.uint8).reshape(48, 48, 3)).save(folder / "set" / "a.png")
        code = "from srbench.cli import main; main()"
        subprocess.run([sys.executable, "-c", code, *RUN, *QUICK], cwd=folder, check=True, env=os.environ)

    return once("numbers", make)


@pytest.fixture
def work(finished, tmp_path, monkeypatch):
    """The folder of the run, to change."""
    for name in ("set", "out"):
        shutil.copytree(finished / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(work, kind, name, text, metric=""):
    """Replace the text of a number in the first row of a kind; return the line's number."""
    file = work / "out" / "results.jsonl"
    lines = file.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        row = json.loads(line)
        if row["kind"] == kind and row.get("metric", "").startswith(metric):
            row[name] = "HERE"
            lines[number - 1] = json.dumps(row).replace('"HERE"', text)
            file.write_text("\n".join(lines) + "\n")
            return number
    raise AssertionError(kind)


NO_NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999", "1e200", '"abc"', '"1.5"', '"nan"', '"INF"', "true", "[]", "{}"]
NO_NUMBERS += ["9" * 40, "9" * 5000, "-" + "9" * 40]
VALUES = [("psnr", text) for text in (*NO_NUMBERS, "-1", '"-inf"')]
VALUES += [("ssim", text) for text in ("1.1", "-1.1", "28.5", '"inf"')]


@pytest.mark.parametrize(("metric", "text"), VALUES, ids=lambda value: value[:12])
def test_a_value_that_cannot_be_is_named_with_its_line(command, work, capsys, metric, text):
    number = change(work, "score", "value", text, metric)
    for args in (("leaderboard", "out"), ("report", "out"), ("verify", "out"), RUN):
        assert command(*args, what=args) == 1
        with pytest.raises(SRBenchError, match=rf"results\.jsonl:{number}: "):
            list(read_rows(work / "out" / "results.jsonl", bounds_of(read_run_file(work / "out"))))


@pytest.mark.parametrize(("metric", "text"), [("psnr", '"inf"'), ("psnr", "0"), ("ssim", "1.0000000000000002")])
def test_values_at_the_bounds_are_read(work, metric, text):
    change(work, "score", "value", text, metric)
    load_board([work / "out"])


def test_rows_without_a_value_are_read(work):
    change(work, "score", "value", "null", "psnr")
    load_board([work / "out"])


COSTS = ["latency_ms", "latency_p10_ms", "images_per_s", "params", "macs", "peak_mem_mib"]
SPEEDS = [(name, text) for name in COSTS for text in ("-1", "NaN")]
SPEEDS += [("latency_ms", text) for text in NO_NUMBERS] + [("size", text) for text in ("0", "-1", "1.5", "1e3", "true")]


@pytest.mark.parametrize(("name", "text"), SPEEDS, ids=lambda value: value[:12])
def test_a_cost_that_cannot_be_is_named_with_its_line(command, work, name, text):
    number = change(work, "speed", name, text)
    assert command("leaderboard", "out") == 1
    with pytest.raises(SRBenchError, match=rf"results\.jsonl:{number}: "):
        list(read_rows(work / "out" / "results.jsonl"))


@pytest.mark.parametrize("text", [*NO_NUMBERS, "-1", "13", "1.5"])
@pytest.mark.parametrize("name", ["decimals", "bounds", "seconds"])
def test_numbers_of_run_json(command, work, name, text):
    file = work / "out" / "run.json"
    run = json.loads(file.read_text())
    target = {"decimals": run["metrics"]["psnr"], "bounds": run["metrics"]["psnr"], "seconds": run["commands"][0]}[name]
    target[name] = {"decimals": "HERE", "bounds": ["HERE", None], "seconds": {"metrics": "HERE"}}[name]
    file.write_text(json.dumps(run).replace('"HERE"', text))
    for args in (("leaderboard", "out"), ("report", "out"), ("verify", "out", "--sample", "1"), RUN):
        command(*args, what=args)


@pytest.mark.parametrize("missing", ["key", "reason", "value", "metric", "kind", "schema"])
def test_fields_that_are_missing(command, work, missing):
    file = work / "out" / "results.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({k: v for k, v in row.items() if k != missing}) + "\n" for row in rows))
    for args in (("leaderboard", "out"), ("report", "out"), ("verify", "out", "--sample", "1"), RUN):
        command(*args, what=args)


def test_a_metric_that_run_json_lacks_is_not_verified(command, work):
    file = work / "out" / "run.json"
    run = json.loads(file.read_text())
    del run["metrics"]["ssim"]
    file.write_text(json.dumps(run))
    assert command("verify", "out") in (0, 1)


@pytest.mark.parametrize("images", [float("inf"), float("nan"), "x", None, [], -1])
def test_numbers_of_cards(images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(_trained({"data": [{"images": images}], "steps_done": 1}), str)
