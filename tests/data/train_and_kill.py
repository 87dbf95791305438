"""Trains in forked children and kills them at random moments, until one gets to the end; prints the kills.

Forking spares each child the imports; all it knows of the training it reads from the training's folder.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from srbench.catalog import Catalog
from srbench.terminal import Silent
from srbench.training.engine import train
from srbench.training.request import TrainRequest
from srbench.training.session import Overrides


def start(request):
    child = os.fork()
    if child == 0:
        try:
            train(request, Catalog.load([PLUGIN]), Silent())
            os._exit(0)
        finally:
            os._exit(1)
    return child


def main(method, out, kills):
    generator = random.Random(f"{method} {kills}")
    state = out / "state.pt"
    moments = []
    while True:
        saved = state.stat().st_mtime_ns if state.exists() else 0
        request = TrainRequest(
            method,
            ("train",),
            out,
            scale=2,
            overrides=Overrides(batch=2, patch=16, steps=200),
            device="cpu",
            validate_on="val",
            validate_every=50,
            save_every=4,
            log_every=10,
            resume=bool(saved),
        )
        child, began = start(request), time.monotonic()
        if len(moments) < kills:
            if len(moments) % 4:  # after some progress, else wherever it is
                while (state.stat().st_mtime_ns if state.exists() else 0) == saved and not ended(child):
                    time.sleep(0.001)
            time.sleep(generator.uniform(0, 0.03))
            moments.append(time.monotonic() - began)
            os.kill(child, signal.SIGKILL)
        code = os.waitpid(child, 0)[1]
        if code == 0:
            print(len(set(moments)))
            return
        if not os.WIFSIGNALED(code):
            raise SystemExit("a training failed by itself")


def ended(child):
    """Whether a child has ended, left for waitpid to collect."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


PLUGIN = Path(__file__).with_name("tiny_gan.py")

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
