"""What faults need: the long form, and work that is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def kill(tmp_path):
    """Kill work at random moments; return the folder of the undisturbed work and those of the killed rounds."""

    def killing(what, kills, seed="1"):
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("kill.py"), what, tmp_path, str(kills), seed],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # a forked child must find no threads started
            timeout=7200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["killed"] == kills
        return tmp_path / "whole", [Path(folder) for folder in told["rounds"]]

    return killing
