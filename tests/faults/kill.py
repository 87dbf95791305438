"""Does work in forked children and kills them at random moments, until enough were killed and the last got to its end.

Forking spares each child the imports; all it knows of the work it reads from the work's folder. Work that is done
before its kill comes counts as a round, and the next one starts in an empty folder.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import lightning_fabric  # noqa: F401  (what a training would import in every child)
import matplotlib.figure  # noqa: F401
import psutil
import torchvision  # noqa: F401

from srbench.catalog.catalog import Catalog
from srbench.report.page import write_report
from srbench.runs import harness
from srbench.runs.request import Request
from srbench.system.terminal import Silent
from srbench.training import checkpoints
from srbench.training.engine import train
from srbench.training.recipes.session import Overrides
from srbench.training.request import TrainRequest

PLUGIN = Path(__file__).parents[1] / "plugin_files" / "tiny_gan.py"
DELAY_S = 0.03
"""A kill comes within this time after some progress: anywhere between two lines of a file."""


class Running:
    """A run, in this process or with a worker; its results tell how far it is."""

    file = "results.jsonl"

    def __call__(self, folder, turn):
        request = Request(
            methods=("bicubic", "nearest", "lanczos"),
            datasets=("photos",),
            scales=(2, 4),
            protocols=("y",),
            metrics=("psnr", "ssim"),
            out=folder,
            speed=False,
            save_images=True,
            inline=turn % 2 == 0,
        )
        return not harness.score(request, Catalog.load(), Silent()).outcome.failed

    def victim(self, child, turn):
        """The child, or every other time that it has one its worker."""
        workers = psutil.Process(child).children() if turn % 4 == 1 else []
        return workers[0].pid if workers else child


class Training:
    """A training; its log tells how far it is."""

    file = "log.jsonl"

    def __init__(self, method):
        self.method = method

    def __call__(self, folder, turn):
        request = TrainRequest(
            self.method,
            ("train",),
            folder,
            scale=2,
            overrides=Overrides(batch=2, patch=16, steps=120),
            device="cpu",
            validate_on="val",
            validate_every=30,
            save_every=4,
            log_every=2,
            resume=(folder / checkpoints.NAME).exists(),
        )
        train(request, Catalog.load([PLUGIN]), Silent())
        return True

    def victim(self, child, turn):
        return child


class Reporting:
    """The report of a run that `Running` left; it is written at the end, in one go."""

    file = "report.html"

    def __call__(self, folder, turn):
        folder.mkdir(exist_ok=True)
        write_report([folder.parent / "run"], folder / self.file, Silent())
        return True

    def victim(self, child, turn):
        return child


def start(work, folder, turn):
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work(folder, turn) else 1)
        finally:
            traceback.print_exc()
            os._exit(1)
    return child


def _bytes(file):
    return file.stat().st_size if file.exists() else 0


def ended(child):
    """Whether a child has ended, left for waitpid to collect."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait_for(child, file, target, seconds):
    """Wait until a file has so many bytes, and then some time; not longer than the child lives."""
    while _bytes(file) < target and not ended(child):
        time.sleep(0.001)
    moment = time.monotonic() + seconds
    while time.monotonic() < moment and not ended(child):
        time.sleep(0.001)


def kill(work, child, turn):
    """Kill the child or its worker, as the work says, unless it has ended; return whether there was one to kill."""
    if ended(child):
        return False
    victim = work.victim(child, turn)
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:  # a worker that was done
        return False
    return True


def kill_at_random(work, folder, kills, generator):
    """Return how many were killed and the folders of all rounds."""
    began = time.monotonic()
    assert os.waitpid(start(work, folder / "whole", 0), 0)[1] == 0
    took = time.monotonic() - began
    size = (folder / "whole" / work.file).stat().st_size
    killed, turn, rounds = 0, 0, [folder / "cut-0"]
    while True:
        file = rounds[-1] / work.file
        begun = _bytes(file)
        child = start(work, rounds[-1], turn)
        hit = False
        if killed < kills:
            if turn % 5 == 4 or isinstance(work, Reporting):  # at any time
                wait_for(child, file, begun, generator.uniform(0, took))
            else:  # after some progress
                target = begun + generator.uniform(0, 0.6) * (size - begun)
                wait_for(child, file, target, generator.uniform(0, DELAY_S))
            hit = kill(work, child, turn)
        turn += 1
        code = os.waitpid(child, 0)[1]
        if code == 0 and killed >= kills:
            return killed, rounds
        if code == 0:
            rounds.append(folder / f"cut-{len(rounds)}")
        elif hit:  # a run whose worker was killed says so, goes on and ends with a failure
            killed += 1
        else:
            raise SystemExit("it failed by itself")


def main(what, folder, kills, seed):
    Catalog.load([PLUGIN])
    work = {"run": Running(), "report": Reporting()}.get(what) or Training(what)
    if what == "report":
        Running()(folder / "run", 0)
    killed, rounds = kill_at_random(work, folder, kills, random.Random(seed))
    print(json.dumps({"killed": killed, "rounds": [str(path) for path in rounds]}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
