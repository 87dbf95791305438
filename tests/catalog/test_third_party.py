"""The third-party path: a separate distribution is installed, found, listed and scored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

EXAMPLE = Path(__file__).parents[1] / "example_plugin"


def test_an_installed_distribution_brings_its_method(srbench, tmp_path, save_image):
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*pip, "--target", site, EXAMPLE], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    listed = json.loads(srbench("list", "--json", PYTHONPATH=path).stdout)
    assert {"name": "example", "summary": "srbench-example 1.0", "problems": []} in listed["plugins"]
    checked = srbench("check", "example", PYTHONPATH=path)
    assert checked.returncode == 0, checked.stdout
    assert "method repeat" in checked.stdout
    save_image(tmp_path / "set" / "a.png")
    options = ["--dataset", "set", "--metrics", "psnr", "--no-speed", "--out", "out"]
    run = srbench("run", "--methods", "repeat,nearest", *options, PYTHONPATH=path)
    assert run.returncode == 0, run.stderr
    board = pd.read_csv(tmp_path / "out" / "leaderboard.csv").set_index("method")
    assert board.psnr["repeat"] == board.psnr["nearest"]
