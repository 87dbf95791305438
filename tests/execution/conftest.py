"""Executors on this machine, and a job for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from srbench.execution.jobs import Cell, Job, Session
from srbench.execution.local import InlineExecutor, WorkerExecutor

FAULTY = str(Path(__file__).parents[1] / "plugin_files" / "faulty.py")


@pytest.fixture(params=["worker", "inline"])
def executor(request, tmp_path):
    session = Session(device="cpu", threads=1, plugins=(FAULTY,))
    made = (
        InlineExecutor(session)
        if request.param == "inline"
        else WorkerExecutor(session, tmp_path / "log", timeout_s=60)
    )
    yield made
    made.shutdown()


def job(method, folder):
    return Job(method, 2, str(folder), {"a": [Cell("key", "psnr", "y")]})
