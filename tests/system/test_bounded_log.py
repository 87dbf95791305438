"""A log that is bounded: the beginning and the end are kept, as soon as they are printed."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from srbench.system import bounded_log
from srbench.system.bounded_log import CUT, HEAD, TAIL, BoundedLog


def write(path, code, **options):
    """Run Python code with the log as its standard error."""
    log = BoundedLog(path)
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, **options)
    log.follow(process.stderr)
    process.wait(60)
    log.finish()
    return process.returncode


def test_what_is_short_is_kept_whole_and_added_to(tmp_path):
    for _ in range(2):
        assert write(tmp_path / "log", "import sys; print('é' * 3, file=sys.stderr)") == 0
    assert (tmp_path / "log").read_text() == "ééé\n" * 2


def test_gigabytes_do_not_fill_the_disk(tmp_path):
    code = (
        "import os; os.write(2, b'first'); chunk = b'x' * 2**20\n"
        "for _ in range(100): os.write(2, chunk)\n"
        "os.write(2, b'last'); os.abort()"
    )
    assert write(tmp_path / "log", code) < 0
    text = (tmp_path / "log").read_bytes()
    assert len(text) <= HEAD + 2 * TAIL + len(CUT)
    assert text.startswith(b"first")
    assert text.endswith(b"last")
    assert text.count(CUT) == 1
    assert len(text) >= HEAD + TAIL


def test_logs_of_processes_that_follow_each_other_are_bounded_together(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded_log, "HEAD", 100)
    monkeypatch.setattr(bounded_log, "TAIL", 100)
    for i in range(20):
        write(tmp_path / "log", f"import os; os.write(2, b'{i:02}' * 30)")
        assert (tmp_path / "log").stat().st_size <= 300 + len(CUT)
    text = (tmp_path / "log").read_bytes()
    assert text.startswith(b"00" * 30)
    assert text.endswith(b"18" * 20 + b"19" * 30)


def test_what_is_printed_is_on_disk_while_the_process_runs(tmp_path):
    log = BoundedLog(tmp_path / "log")
    code = "import os, time; os.write(2, b'here'); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        log.follow(process.stderr)
        end = time.monotonic() + 20
        while (tmp_path / "log").read_bytes() != b"here":
            assert time.monotonic() < end
            time.sleep(0.01)
        process.kill()
    log.finish()


def test_a_process_left_behind_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded_log, "PATIENCE_S", 0.2)
    code = "import os, time\nif os.fork() == 0: time.sleep(5); os._exit(0)\nos.write(2, b'parent')"
    began = time.monotonic()
    write(tmp_path / "log", code)
    assert time.monotonic() - began < 4
    assert (tmp_path / "log").read_bytes() == b"parent"


def test_a_full_disk_does_not_stop_the_process():
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("needs /dev/full")
    from pathlib import Path

    log = BoundedLog(Path("/dev/full"))
    process = subprocess.Popen([sys.executable, "-c", "import os; os.write(2, b'x' * 10**6)"], stderr=subprocess.PIPE)
    log.follow(process.stderr)
    assert process.wait(30) == 0
    log.finish()
