"""What plugins do to the process that imports them ends with their import."""

from __future__ import annotations

import os
import time

import pytest

PLUGIN = """
{code}
from srbench import LossSpec, hookimpl

@hookimpl
def srbench_losses():
    return [LossSpec(name="odd-loss", summary="a loss", build=len)]
"""
CHANGES = {
    "working folder": "import os; os.chdir('/')",
    "closed stream": "import sys; sys.stdout.close(); sys.stderr.close()",
    "no streams": "import sys; sys.stdin = sys.stdout = sys.stderr = None",
    "wrapped stream": "import io, sys; sys.stdout = io.TextIOWrapper(sys.stdout.buffer)",
    "recursion": "import sys; sys.setrecursionlimit(90)",
    "module path": "import sys; sys.path[:] = []",
    "umask": "import os; os.umask(0o777)",
    "thread": "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()",
    "fork": "import os; os.fork()",
}


@pytest.mark.parametrize("code", CHANGES.values(), ids=CHANGES)
def test_the_command_goes_on_as_it_began(srbench, tmp_path, code):
    if "fork" in code and not hasattr(os, "fork"):
        pytest.skip("this system has no forks")
    (tmp_path / "odd.py").write_text(PLUGIN.format(code=code))
    start = time.monotonic()
    done = srbench("list", "losses", "--plugin", "odd.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("odd-loss ") == 1
    assert time.monotonic() - start < 200
