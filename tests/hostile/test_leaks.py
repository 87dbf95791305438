"""Methods that leave something behind, look for HR or answer twice move no row, neither theirs nor the next ones'."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

LEAKY = Path(__file__).parents[1] / "plugin_files" / "leaky.py"
LEAKING = ("hooks", "modes", "settings", "patches", "process", "looks-for-hr", "answers-twice")
OTHERS = ("nearest", "bicubic", "espcn")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the methods fork")


@pytest.fixture
def values(srbench, save_image, tmp_path):
    """Return a function that runs methods and returns each one's values, and what was printed."""
    for i in range(2):
        save_image(tmp_path / "set" / f"{i}.png", width=40 + 8 * i, seed=i)

    def run(methods, *options):
        out = tmp_path / f"out{len(list(tmp_path.glob('out*')))}"
        what = ["--dataset", tmp_path / "set", "--scale", 2, "--plugin", LEAKY, "--out", out, *options]
        done = srbench("run", "--methods", ",".join(methods), *what)
        rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
        found = {}
        for row in rows:
            if row["kind"] == "score":
                found.setdefault(row["method"], []).append((row["image"], row["metric"], row["value"]))
        return found, done

    return run


def test_a_method_that_leaks_moves_no_row_of_others(values):
    metrics = "--no-speed", "--metrics", "psnr,ssim"
    alone, done = values(OTHERS, *metrics)
    assert done.returncode == 0, done.stderr
    among, done = values((*LEAKING, *OTHERS), *metrics)
    assert done.returncode == 0, done.stderr
    assert {name: among[name] for name in OTHERS} == alone
    own = {name: among[name] for name in LEAKING}
    assert own["looks-for-hr"] == own["answers-twice"] == own["process"] == alone["nearest"]
    dropped = r"answers-twice on set x2: \d+ answers of copies of its process dropped: it forks"
    assert re.search(dropped, done.stderr + done.stdout)


def test_what_a_plugin_sets_as_it_is_imported_does_not_reach_the_metrics(values, mirror):
    found, done = values(("nearest",), "--no-speed", "--metrics", "lpips", "--max-memory", "4GiB")
    assert done.returncode == 0, done.stderr
    assert all(value is not None for _, _, value in found["nearest"]), done.stdout


def test_a_method_that_keeps_its_output_is_not_timed(values):
    options = "--metrics", "psnr", "--speed-size", 32, "--speed-seconds", 0.1
    _, done = values(("forgets", "nearest"), *options)
    assert done.returncode == 1
    assert "it returns the same output for different inputs" in done.stdout
    assert "no multiply-accumulates for 1 parameters" in values(("hooks",), *options)[1].stdout


def test_a_method_that_changes_while_it_runs_is_named(values):
    _, done = values(("changes", "overwrites"), "--metrics", "psnr", "--speed-size", 32, "--speed-seconds", 0.1)
    assert "changes on set x2: its output for one and the same input changed while it ran" in done.stderr
    assert "overwrites on set x2: its output" not in done.stderr
    assert "overwrites on set x2 failed" not in done.stderr  # its input is its own


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are not forked")
def test_a_method_that_kills_the_process_it_was_forked_from_costs_its_own_row(values):
    found, done = values(("kills", "nearest"), "--metrics", "psnr", "--speed-size", 32, "--speed-seconds", 0.1)
    assert done.returncode == 1
    assert "kills on set x2 failed: it ended the process that methods are started from" in done.stderr
    assert "nearest on set x2 failed" not in done.stderr
    assert [value is not None for _, _, value in found["nearest"]] == [True, True]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at the processes of Linux")
def test_hr_is_in_no_process_of_a_method(save_image, tmp_path):
    import psutil

    from srbench.execution.jobs import Cell, Job, Session
    from srbench.execution.local import WorkerExecutor

    save_image(tmp_path / "set" / "a.png")
    executor = WorkerExecutor(Session("cpu", 1), tmp_path / "log", timeout_s=60)
    try:
        executor.environment()
        job = Job("nearest", 2, str(tmp_path / "set"), {"a": [Cell("key", "psnr", "y")]})
        executor.submit(job, lambda _: None).result(timeout=60)
        (worker,) = [p for p in psutil.Process().children() if "srbench.execution.worker" in " ".join(p.cmdline())]
        (template,) = worker.children()
        (method,) = template.children()
        assert {file.path for file in method.open_files()} <= {str(tmp_path / "log"), os.devnull}
        assert len(method.net_connections("unix")) <= 1  # the worker's, and none to the parent
    finally:
        executor.shutdown()
    assert not psutil.wait_procs([method], timeout=10)[1]
