"""What the harness itself costs per job: runs of many jobs that have next to nothing to do.

    python benchmarks/cells.py --executor dask --jobs 100,10000
    python benchmarks/cells.py --executor slurm --jobs 100     # submitit's local executor

Each job scores one image of 8x8 pixels by a metric that computes nothing. A job's price is the time between the first
and the last row, and that of the whole run, processes and torch included, shared by all.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import datetime
from pathlib import Path

from PIL import Image

from srbench.catalog.catalog import Catalog
from srbench.results.rows import read_rows
from srbench.runs import plan
from srbench.runs.request import Request
from srbench.runs.runner import run
from srbench.system.terminal import Silent

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


def timed(folder: Path, jobs: int, executor: str, workers: int) -> tuple[float, float]:
    """Return the seconds between the first and the last row of a run of so many jobs, and of the whole run."""
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
        speed=False,
        executor=executor,
        workers=0 if executor == "local" else workers,
        slurm=("cluster=local",) if executor == "slurm" else (),
    )
    begin = time.perf_counter()
    outcome = run(request, Catalog.load(request.plugins), Silent())
    if outcome.failed:
        raise SystemExit(str(outcome.failed))
    whole = time.perf_counter() - begin
    times = [row["time"] for row in read_rows(request.out / "results.jsonl") if row["kind"] == "score"]
    first, last = (datetime.fromisoformat(text) for text in (times[0], times[-1]))
    return (last - first).total_seconds(), whole


def main() -> None:
    """Time runs and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executor", choices=["local", "dask", "slurm"], default="local")
    parser.add_argument("--jobs", default="100,10000", help="numbers of jobs")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    plan.CHUNK = 1
    with tempfile.TemporaryDirectory() as name:
        for jobs in map(int, asked.jobs.split(",")):
            rows, whole = timed(Path(name), jobs, asked.executor, asked.workers)
            between, each = 1000 * rows / (jobs - 1), 1000 * whole / jobs
            print(f"{asked.executor}: {jobs} jobs, {between:.2f} ms from row to row; the whole run {each:.1f} ms each")


if __name__ == "__main__":
    main()
