"""Twice the work takes twice the time: what a run, its results and its board cost per cell does not grow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import Future
from contextlib import contextmanager

from srbench import runner
from srbench.api import score
from srbench.catalog import Catalog
from srbench.leaderboard import load_board
from srbench.request import Request
from srbench.results import ResultsFile, read_rows
from srbench.terminal import Silent
from tests.scale.conftest import LONG

GROWTH = 2.0
"""How much more a cell may cost among many than among few; processor time, but of a machine that others use too."""


def write_run(folder, images, methods=4):
    """Write a run's folder: so many methods and images, 10 datasets, PSNR and SSIM."""
    folder.mkdir()
    names = {f"img_{i:04}": f"{i:064x}" for i in range(images)}
    described = {
        "schema": 1,
        "commands": [],
        "methods": {},
        "metrics": {name: {"identity": f"{name}/1", "better": "higher", "decimals": 4} for name in ("psnr", "ssim")},
        "datasets": {f"set{d} x4": {"source": "", "hash": f"h{d}", "images": names, "left_out": []} for d in range(10)},
        "protocols": {"y/1": {"name": "y", "version": 1}},
    }
    (folder / "run.json").write_text(json.dumps(described))
    who = {"scale": 4, "plugin": "0123456789abcdef", "weights": "", "device": "cpu, one", "precision": "fp32"}
    score = {
        "schema": 1,
        "kind": "score",
        "key": "0" * 16,
        **who,
        "protocol": "y/1",
        "degradation": "bicubic",
        "reason": "",
    }
    with (folder / "results.jsonl").open("w") as file:
        for method in range(methods):
            for d in range(10):
                part = {"method": f"m{method}", "dataset": f"set{d}"}
                file.write(json.dumps({"schema": 1, "kind": "job", **who, **part, "status": "ok", "reason": ""}) + "\n")
                for i, (image, sha) in enumerate(names.items()):
                    for metric in ("psnr/1", "ssim/1"):
                        value = 20 + (i * 7919 + method * 31 + d) % 997 / 100
                        row = {**score, **part, "image": image, "image_sha256": sha, "metric": metric, "value": value}
                        file.write(json.dumps(row) + "\n")
    return 20 * methods * images


def cost(work):
    """Return the least processor time of three."""
    spent = []
    for _ in range(3):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return min(spent)


def test_a_board_is_linear_in_its_rows(tmp_path):
    few, many = write_run(tmp_path / "few", 40), write_run(tmp_path / "many", 320)
    assert (
        cost(lambda: load_board([tmp_path / "many"])) / many
        < GROWTH * cost(lambda: load_board([tmp_path / "few"])) / few
    )


def test_rows_are_appended_at_one_price(tmp_path):
    row = {"kind": "score", "key": "0" * 16, "value": 1.0}

    def append(count):
        path = tmp_path / f"{count}.jsonl"
        path.unlink(missing_ok=True)
        for _ in range(4):  # as a run that is gone on with opens it
            file = ResultsFile(path)
            for _ in range(count // 4):
                file.append(row)
            file.close()

    append(100)
    assert cost(lambda: append(40_000)) / 40_000 < GROWTH * cost(lambda: append(4_000)) / 4_000
    assert sum(1 for _ in read_rows(tmp_path / "40000.jsonl")) == 40_000


class Instant:
    """An executor that knows every value at once."""

    def environment(self, method=""):
        return {"device": "cpu, instant"}

    def room(self, *, timed):
        return 8

    def submit(self, job, emit):
        for image, cells in job.images.items():
            for cell in cells:
                emit({"cell": cell.key, "value": 1.0, "reason": ""})
            emit({"image": image, "saved": False})
        done = Future()
        done.set_result(None)
        return done

    def check(self):
        pass


def test_a_run_is_linear_in_its_cells(tmp_path, save_image, monkeypatch):
    @contextmanager
    def instant(request, catalog):
        yield Instant()

    monkeypatch.setattr(runner, "open_executor", instant)
    catalog = Catalog.load()

    def run(images):
        folder = tmp_path / str(images)
        if not folder.exists():
            first = save_image(folder / "0000.png", 16, 16)
            for i in range(1, images):
                (folder / f"{i:04}.png").hardlink_to(first)
        methods = ("nearest", "bilinear", "bicubic", "lanczos")
        out = tmp_path / f"out{images}"
        request = Request(methods, (str(folder),), (2,), ("y", "rgb"), ("psnr", "ssim"), out, speed=None, force=True)
        score(request, catalog, Silent())

    run(8)
    assert cost(lambda: run(400)) / 400 < GROWTH * cost(lambda: run(50)) / 50


MEASURED = """
import resource, sys, time
from pathlib import Path
from srbench.leaderboard import load_board
from srbench.tables import save
begin = time.process_time()
save(load_board([Path(sys.argv[1])]), Path(sys.argv[1]))
print(time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@LONG
def test_a_board_of_a_million_rows(tmp_path):
    assert write_run(tmp_path / "run", 500, methods=100) == 1_000_000
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "run")]
    seconds, memory = map(float, subprocess.run(command, capture_output=True, check=True, text=True).stdout.split())
    print(f"{seconds:.1f} s of processor time, {memory / 2**20:.0f} MiB")
    assert seconds < 30
    assert memory < 2e9
