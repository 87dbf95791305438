"""One table, wherever its jobs ran and whatever happened to their workers."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter

import psutil
import pytest

from tests.scale.conftest import LONG, SLEEPY, wait_until


def options(photos, out):
    asked = ["--methods", "sleepy,bicubic", "--plugin", SLEEPY, "--dataset", photos, "--scale", "2", "--no-speed"]
    return ["run", *asked, "--metrics", "psnr,ssim", "--protocol", "y,rgb", "--threads", "1", "--out", out]


CELLS = 2 * 16 * 2 * 2


def scores(folder):
    """Return how often each value was written."""
    path = folder / "results.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return Counter(row["key"] for row in rows if row["kind"] == "score")


def table(folder):
    return (folder / "leaderboard.csv").read_bytes()


@pytest.fixture
def expected(here, photos, tmp_path):
    """The table that one process makes."""
    done = here(*options(photos, "alone"))
    assert done.returncode == 0, done.stderr
    return table(tmp_path / "alone")


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=LONG)])
def test_dask_though_a_worker_is_killed_then_the_scheduler(
    expected, cluster, in_background, here, photos, tmp_path, workers
):
    for _ in range(workers):
        cluster.add_worker()
    dask = ["--executor", "dask", "--scheduler", cluster.address]
    run = in_background(*options(photos, "dask"), *dask)
    out = tmp_path / "dask"
    wait_until(lambda: 0 < len(scores(out)) < CELLS or run.poll() is not None, "scores")
    warm = [child for worker in cluster.workers for child in psutil.Process(worker.pid).children()]
    cluster.workers[0].kill()
    assert run.poll() is None, "the run was over before a worker could be killed"
    _, said = run.communicate(timeout=240)
    assert run.returncode == 0, said
    assert table(out) == expected
    assert len(scores(out)) == CELLS
    assert set(scores(out).values()) == {1}
    assert warm
    assert not any(process.is_running() for process in warm), "what ran jobs outlived its Dask worker or the run"

    run = in_background(*options(photos, "cut"), *dask)
    wait_until(lambda: 0 < len(scores(tmp_path / "cut")) < CELLS or run.poll() is not None, "scores")
    cluster.scheduler.kill()
    _, said = run.communicate(timeout=240)
    assert run.returncode == 1
    assert f"error: the Dask cluster at {cluster.address} was lost" in said
    assert said.count("\n") == 1
    assert 0 < len(scores(tmp_path / "cut")) < CELLS
    again = here(*options(photos, "cut"))  # on this machine
    assert again.returncode == 0, again.stderr
    assert set(scores(tmp_path / "cut").values()) == {1}
    assert table(tmp_path / "cut") == expected


def test_submitit_though_a_process_is_killed(expected, in_background, photos, tmp_path):
    local = ["--executor", "slurm", "--slurm", "cluster=local", "--workers", "2"]
    run = in_background(*options(photos, "submitit"), *local)
    logs = tmp_path / "submitit" / "slurm"
    wait_until(lambda: len(list(logs.glob("*/*_0_log.out"))) >= 2 or run.poll() is not None, "a job after the first")
    job = max(logs.glob("*/*_0_log.out"), key=lambda path: path.stat().st_ctime)
    os.kill(int(job.name.split("_")[0]), signal.SIGKILL)
    _, said = run.communicate(timeout=240)
    assert run.returncode == 0, said
    assert table(tmp_path / "submitit") == expected
    assert set(scores(tmp_path / "submitit").values()) == {1}


def test_ctrl_c_with_a_local_cluster_saves_and_says_how_to_go_on(in_background, photos, tmp_path):
    run = in_background(*options(photos, "cut"), "--executor", "dask")
    wait_until(lambda: scores(tmp_path / "cut") or run.poll() is not None, "scores")
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=240)
    assert run.returncode == 130
    assert said.startswith("stopped; finished rows are saved in cut. To resume: ")
    assert said.count("\n") == 1
    assert 0 < len(scores(tmp_path / "cut")) < CELLS
