"""A Dask cluster that cannot be reached, or whose workers had other work."""

from __future__ import annotations

import sys

import pytest

from srbench.execution.events import SpeedMeasured


def _fails(args, tmp_path, monkeypatch):
    from srbench.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["srbench", "run", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path, save_image, monkeypatch, capsys):
    from srbench.execution import dask as dask_executor

    monkeypatch.setattr(dask_executor, "CONNECT_S", 0.5)
    save_image(tmp_path / "set" / "a.png")
    asked = ["--methods", "nearest", "--dataset", str(tmp_path / "set"), "--metrics", "psnr"]
    dask = ["--executor", "dask", "--scheduler", "tcp://127.0.0.1:9"]
    assert _fails([*asked, *dask], tmp_path, monkeypatch) == 1
    said = capsys.readouterr().err
    assert "error: the Dask cluster at tcp://127.0.0.1:9 does not answer" in said
    assert said.count("\n") == 1


class FakeClient:
    """What Dask says of a cluster of two machines: the job ran on the first; beside it ran what is named."""

    def __init__(self, **processing):
        self.beside = processing

    def processing(self):
        return {f"tcp://{host}:1": keys for host, keys in self.beside.items()}

    def who_has(self, futures):
        return {"ours": ("tcp://node1:7",)}


@pytest.mark.parametrize(
    ("before", "processing", "shared"),
    [
        (set(), {"node1": ["ours"], "node2": ["theirs"]}, False),
        (set(), {"node1": ["ours", "theirs"]}, True),
        ({"node1"}, {"node1": ["ours"]}, True),
    ],
)
def test_a_timing_beside_other_work_of_the_cluster_is_marked(before, processing, shared):
    from srbench.execution.dask import DaskExecutor

    executor = DaskExecutor.__new__(DaskExecutor)
    executor._client, executor._where, executor._running = FakeClient(**processing), "the cluster", {"ours": None}
    (event,) = executor._marked([SpeedMeasured({"latency_ms": 1.0})], None, before)
    assert event.shared == ("other work of the cluster on node1" if shared else "")


def test_a_worker_of_another_kind_that_joins_is_refused_and_its_jobs_go_to_others(tmp_path, save_image, monkeypatch):
    """One of two workers gets another numpy after the start; whatever it answers, all values are the other's."""
    from distributed import get_worker

    from srbench.execution import dask as dask_executor
    from srbench.execution.events import Remarked, ValueScored
    from srbench.execution.jobs import Cell, Job, Session
    from srbench.execution.remote import Terms

    answer, other = dask_executor.answer, []

    def mixed(executor, job, device):
        address = get_worker().address
        other.extend([address] * (not other))
        events = answer(executor, job, device)
        if address == other[0]:
            events[0] = {**events[0], "versions": {**events[0]["versions"], "numpy": "1.0"}}
            events[1]["value"] = 99.0
        return events

    monkeypatch.setattr(dask_executor, "answer", mixed)
    save_image(tmp_path / "set" / "a.png")
    executor = dask_executor.DaskExecutor(Terms(Session("cpu", 1)), workers=2)
    try:
        executor.environment()
        heard, jobs = [], []
        for number in range(4):
            job = Job("nearest", 2, str(tmp_path / "set"), {"a": [Cell(f"k{number}", "psnr", "y")]})
            jobs.append(executor.submit(job, heard.append))
        for job in jobs:
            job.result(timeout=120)
    finally:
        executor.shutdown()
    values = {event.cell: event.value for event in heard if isinstance(event, ValueScored)}
    assert len(values) == 4
    assert len(set(values.values())) == 1
    assert 99.0 not in values.values()
    texts = {event.text for event in heard if isinstance(event, Remarked)}
    assert any(f"answers of worker {other[0]} are refused: it has numpy 1.0, not " in text for text in texts)
