"""Twice the work takes twice the time: what a run, its results and its board cost per cell does not grow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import Future
from contextlib import contextmanager

import pytest

from srbench.api import score
from srbench.catalog.catalog import Catalog
from srbench.execution.events import Environment, ImageDone, ValueScored
from srbench.results.board import load_board
from srbench.results.rows import ResultsFile, read_rows
from srbench.runs import runner
from srbench.runs.request import Request
from srbench.system.terminal import Silent
from tests.scale.conftest import LONG

GROWTH = 1.3
"""How much more a cell may cost among many than among few."""


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


def calls(work):
    """Return how many functions are called, Python's and C's: a price that is the same on a busy machine."""
    count = 0

    def note(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def seconds(work):
    """Return the least processor time of three."""
    spent = []
    for _ in range(3):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return min(spent)


prices = pytest.mark.parametrize("price", [calls, pytest.param(seconds, marks=LONG)])


@prices
def test_a_board_is_linear_in_its_rows(tmp_path, price):
    few, many = write_run(tmp_path / "few", 20), write_run(tmp_path / "many", 100)
    load_board([tmp_path / "few"])
    per_row = price(lambda: load_board([tmp_path / "few"])) / few
    assert price(lambda: load_board([tmp_path / "many"])) / many < GROWTH * per_row


def test_rows_are_appended_and_read_one_at_a_time(tmp_path):
    path, most = tmp_path / "results.jsonl", 2**18
    with path.open("w") as file:
        for i in range(30_000):
            file.write(f'{{"schema":1,"kind":"other","i":{i}}}\n')
        file.write('{"schema":1,"kind":"to')
    size = path.stat().st_size
    assert size > 3 * most
    tracemalloc.start()
    try:
        file = ResultsFile(path)
        file.append({"kind": "other"})
        file.close()
        assert sum(1 for _ in read_rows(path)) == 30_001
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most


class Instant:
    """An executor that knows every value at once."""

    def environment(self, method=""):
        return Environment("cpu, instant", "any", None)

    def room(self, *, timed):
        return 8

    def submit(self, job, emit):
        for image, cells in job.images.items():
            for cell in cells:
                emit(ValueScored(cell.key, 1.0))
            emit(ImageDone(image, saved=False))
        done = Future()
        done.set_result(None)
        return done

    def check(self):
        pass


@prices
def test_a_run_is_linear_in_its_cells(tmp_path, save_image, monkeypatch, price):
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
        request = Request(
            methods=methods,
            datasets=(str(folder),),
            scales=(2,),
            protocols=("y", "rgb"),
            metrics=("psnr", "ssim"),
            out=out,
            speed=False,
            force=True,
        )
        score(request, catalog, Silent())

    run(8)
    per_image = price(lambda: run(40)) / 40
    assert price(lambda: run(240)) / 240 < GROWTH * per_image


MEASURED = r"""
import re, sys, time
from pathlib import Path
from srbench.results.board import load_board
from srbench.results.tables import save
begin = time.process_time()
save(load_board([Path(sys.argv[1])]), Path(sys.argv[1]))
status = Path("/proc/self/status").read_text()
print(time.process_time() - begin, int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024)
"""


@LONG
def test_a_board_of_a_million_rows(tmp_path):
    assert write_run(tmp_path / "run", 500, methods=100) == 1_000_000
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "run")]
    seconds, memory = map(float, subprocess.run(command, capture_output=True, check=True, text=True).stdout.split())
    print(f"{seconds:.1f} s of processor time, {memory / 2**20:.0f} MiB")
    assert seconds < 30
    assert memory < 2e9
