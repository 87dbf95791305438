"""Executors: answers while a job runs, a fresh worker after a death, nothing left behind."""

from __future__ import annotations

import time

import psutil
import pytest

from srbench.errors import Code, SRBenchError
from srbench.execution.events import ImageDone, ValueScored
from srbench.execution.executor import JobFailedError
from srbench.execution.jobs import Cell, Job, Session
from srbench.execution.local import WorkerExecutor
from tests.execution.conftest import FAULTY, job


def test_values_come_then_the_end(executor, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    heard = []
    executor.submit(job("nearest", tmp_path / "set"), heard.append).result(timeout=60)
    value, image, time_spent = heard
    assert (value.cell, value.code, value.tile) == ("key", None, 0)
    assert 0 < value.value < 100
    assert image == ImageDone("a", saved=False)
    assert set(time_spent.seconds) >= {"build", "forward", "metrics"}
    assert "cpu" in executor.environment().device


def test_a_metric_that_breaks_costs_its_value_alone(executor, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    cells = [Cell("one", "breaks", "y"), Cell("two", "psnr", "y")]
    heard = []
    executor.submit(Job("nearest", 2, str(tmp_path / "set"), {"a": cells}), heard.append).result(timeout=60)
    assert heard[0].code is Code.FAILED
    assert "breaks failed: RuntimeError: a bug of the metric (faulty.py:" in heard[0].reason
    assert heard[1].value > 0


def test_failure_is_told_and_the_next_job_runs(executor, tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    with pytest.raises(JobFailedError, match="ValueError: no such luck"):
        executor.submit(job("raises", tmp_path / "set"), lambda _: None).result(timeout=60)
    executor.submit(job("nearest", tmp_path / "set"), lambda _: None).result(timeout=60)


def test_death_of_the_worker_is_explained_and_the_next_job_gets_a_new_one(tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    executor = WorkerExecutor(Session("cpu", 1, (FAULTY,)), tmp_path / "log")
    try:
        with pytest.raises(JobFailedError, match=r"crashed \(SIGABRT\)"):
            executor.submit(job("aborts", tmp_path / "set"), lambda _: None).result(timeout=60)
        executor.submit(job("nearest", tmp_path / "set"), lambda _: None).result(timeout=60)
    finally:
        executor.shutdown()


def test_death_is_noticed_though_a_child_lives(tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    executor = WorkerExecutor(Session("cpu", 1, (FAULTY,)), tmp_path / "log")
    try:
        with pytest.raises(JobFailedError, match=r"the worker process exited \(exit code 7\)"):
            executor.submit(job("forks-and-dies", tmp_path / "set"), lambda _: None).result(timeout=60)
        executor.submit(job("nearest", tmp_path / "set"), lambda _: None).result(timeout=60)
    finally:
        executor.shutdown()


def test_shutdown_leaves_no_process(tmp_path, save_image):
    save_image(tmp_path / "set" / "a.png")
    executor = WorkerExecutor(Session("cpu", 1, (FAULTY,)), tmp_path / "log")
    executor.environment()
    future = executor.submit(job("sleeps", tmp_path / "set"), lambda _: None)
    time.sleep(0.5)
    workers = [
        p for p in psutil.Process().children(recursive=True) if "srbench.execution.worker" in " ".join(p.cmdline())
    ]
    assert workers
    executor.shutdown()
    assert not psutil.wait_procs(workers, timeout=10)[1]
    with pytest.raises(JobFailedError, match="stopped"):
        future.result(timeout=10)


def test_device_that_is_not_there_is_refused(tmp_path):
    executor = WorkerExecutor(Session(device="cuda:99"), tmp_path / "log")
    with pytest.raises(SRBenchError, match="device 'cuda:99' is not available"):
        executor.environment()
    executor.shutdown()


SLOW_METRIC = """
import time
from srbench import MetricSpec, hookimpl

class Slow:
    def __init__(self):
        time.sleep(3)
    def prepare(self, hr, protocol):
        return hr
    def score(self, sr, prepared):
        return 0.5

@hookimpl
def srbench_metrics():
    return [MetricSpec(name="slow", summary="for tests", build=Slow, better="lower")]
"""


def test_a_metrics_start_is_not_the_methods_time(tmp_path, save_image):
    (tmp_path / "slow.py").write_text(SLOW_METRIC)
    save_image(tmp_path / "set" / "a.png")
    session = Session("cpu", plugins=(str(tmp_path / "slow.py"),))
    executor = WorkerExecutor(session, tmp_path / "log", timeout_s=2)
    try:
        executor.environment()
        heard = []
        cells = {"a": [Cell("k", "slow", "y")]}
        executor.submit(Job("nearest", 2, str(tmp_path / "set"), cells), heard.append).result(timeout=60)
    finally:
        executor.shutdown()
    assert [event.value for event in heard if isinstance(event, ValueScored)] == [0.5]
