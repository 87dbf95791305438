"""Whether recipes learn from few or many images, with small or large batches, in few or many steps.

    python benchmarks/learning.py espcn --images 5,390 --batches 1,4,16,64 --steps 300,2000

prints, for each training, PSNR on Set5 and its distance from bicubic enlargement; the exit code is 1 if one gains less
than 0.3 dB. ``--images`` are those of each of the three training sets, which are fetched first:
``srbench fetch t91 bsds500-train general100 set5``. A cell takes seconds to hours.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import product
from pathlib import Path

from srbench import defaults
from srbench.catalog.catalog import Catalog
from srbench.system.terminal import Silent
from srbench.training.engine import train
from srbench.training.recipes.session import Overrides
from srbench.training.request import TrainRequest

GAIN_DB = 0.3


def numbers(text: str) -> list[int]:
    """Read whole numbers separated by commas."""
    return [int(number) for number in text.split(",")]


def main() -> int:
    """Train each cell of the grid and print its line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="+")
    parser.add_argument("--images", type=numbers, default=[5, 50, 390])
    parser.add_argument("--batches", type=numbers, default=[1, 4, 16, 64])
    parser.add_argument("--steps", type=numbers, default=[300, 2000])
    parser.add_argument("--patch", type=int)
    grid = parser.parse_args()
    catalog, failed = Catalog.load(), 0
    print(f"{'method':16} {'images':>6} {'batch':>5} {'steps':>6} {'dB':>7} {'gain':>6} {'s':>6}")
    for method, images, batch, steps in product(grid.methods, grid.images, grid.batches, grid.steps):
        with tempfile.TemporaryDirectory() as folder:
            request = TrainRequest(
                method,
                defaults.TRAINING,
                Path(folder) / "training",
                overrides=Overrides(batch=batch, steps=steps, patch=grid.patch),
                limit=images,
                validate_every=steps,
                save_every=steps,
            )
            began = time.perf_counter()
            trained = train(request, catalog, Silent())
        psnr, seconds = trained.figures["psnr"], time.perf_counter() - began
        gain = psnr - trained.baseline["psnr"]
        failed += gain < GAIN_DB
        print(f"{method:16} {images:6} {batch:5} {steps:6} {psnr:7.2f} {gain:+6.2f} {seconds:6.0f}", flush=True)
    print(f"{failed} of the trainings gained less than {GAIN_DB} dB")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
