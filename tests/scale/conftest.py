"""A Dask cluster of real processes, and runs in the background."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLEEPY = Path(__file__).parents[1] / "plugin_files" / "sleepy.py"
LONG = pytest.mark.skipif("SRBENCH_LONG" not in os.environ, reason="long form: set SRBENCH_LONG=1")
HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""Undoes what a shell does to commands in the background: they and their children ignore Ctrl-C."""
PATIENCE_S = 240


def wait_until(true, what):
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


class Cluster:
    """A scheduler and workers, each a process; the workers have no nanny that would replace them."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.workers = []
        self.scheduler = self.start("distributed.cli.dask_scheduler", "--port", "0", "--host", "127.0.0.1")
        wait_until(lambda: self.file.exists() and self.file.stat().st_size, "the scheduler's address")
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, module, *options):
        common = ["--scheduler-file", str(self.file), "--no-dashboard"]
        with (self.folder / "dask.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *options, *common], cwd=self.folder, stdout=log, stderr=log
            )

    def add_worker(self):
        options = ["--no-nanny", "--nthreads", "1", "--local-directory", str(self.folder), "--death-timeout", "60"]
        self.workers.append(self.start("distributed.cli.dask_worker", *options))

    def stop(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = Cluster(folder)
    yield cluster
    cluster.stop()


@pytest.fixture
def in_background(tmp_path):
    """Start the command line and go on; what still runs at the end is killed."""
    started = []

    def start(*args):
        command = [sys.executable, "-c", HEARS + "from srbench.cli import main; main()", *map(str, args)]
        started.append(
            subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def photos(tmp_path, save_image):
    for i in range(16):
        save_image(tmp_path / "photos" / f"p{i:02}.png", seed=i)
    return tmp_path / "photos"
