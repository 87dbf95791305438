"""What the harness itself costs per job: runs of many jobs that have next to nothing to do.

    python benchmarks/cells.py --executor dask --jobs 100,10000
    python benchmarks/cells.py --executor slurm --jobs 100     # submitit's local executor

Each job scores one image of 8x8 pixels by a metric that computes nothing; the time is that of the whole run, its start
(processes, torch) taken off by a run of one job before.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from PIL import Image

from srbench import plan
from srbench.catalog import Catalog
from srbench.request import Request
from srbench.runner import run
from srbench.terminal import Silent

NOTHING = """
from srbench import MetricSpec, hookimpl

class Nothing:
    def prepare(self, hr, protocol):
        return None

    def score(self, sr, prepared):
        return 0.0

@hookimpl
def srbench_metrics():
    return [MetricSpec(name="nothing", summary="no value", build=Nothing, better="higher", version="1")]
"""


def timed(folder: Path, jobs: int, executor: str, workers: int) -> float:
    """Return the seconds that a run of so many jobs takes."""
    (plugin := folder / "nothing.py").write_text(NOTHING)
    images = folder / f"images{jobs}"
    images.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8), "grey").save(images / "00000.png")
    for i in range(1, jobs):
        (images / f"{i:05}.png").hardlink_to(images / "00000.png")
    request = Request(
        ("nearest",),
        (str(images),),
        (2,),
        ("y",),
        ("nothing",),
        folder / f"out{jobs}",
        plugins=(str(plugin),),
        device="cpu",
        threads=1,
        speed=None,
        executor=executor,
        workers=0 if executor == "local" else workers,
        slurm=("cluster=local",) if executor == "slurm" else (),
    )
    begin = time.perf_counter()
    outcome = run(request, Catalog.load(request.plugins), Silent())
    if outcome.failed:
        raise SystemExit(str(outcome.failed))
    return time.perf_counter() - begin


def main() -> None:
    """Time runs and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executor", choices=["local", "dask", "slurm"], default="local")
    parser.add_argument("--jobs", default="100,10000", help="numbers of jobs")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    plan.CHUNK = 1
    with tempfile.TemporaryDirectory() as name:
        start = timed(Path(name), 1, asked.executor, asked.workers)
        for jobs in map(int, asked.jobs.split(",")):
            seconds = timed(Path(name), jobs, asked.executor, asked.workers) - start
            print(f"{asked.executor}: {jobs} jobs, {1000 * seconds / jobs:.2f} ms each, {jobs / seconds:.0f} a second")


if __name__ == "__main__":
    main()
