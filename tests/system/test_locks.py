"""Two runs never write to one folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from srbench.errors import SRBenchError
from srbench.system.locks import hold

HOLDS = """
import sys, time
from pathlib import Path
from srbench.system.locks import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_run_is_told_who_holds_the_folder(srbench, tmp_path, holder):
    done = srbench("run", "--methods", "nearest", "--metrics", "psnr", "--no-speed", "--out", ".")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"is in use by process {holder.pid} on " in done.stderr
    assert not (tmp_path / "results.jsonl").exists()


def test_a_killed_holder_holds_nothing(tmp_path, holder):
    with pytest.raises(SRBenchError, match=f"in use by process {holder.pid}"), hold(tmp_path):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with hold(tmp_path):
        assert str(os.getpid()) in (tmp_path / ".lock-holder").read_text()
    assert not (tmp_path / ".lock-holder").exists()
