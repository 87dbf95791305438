"""What the harness costs beside the networks: start, catalog, results, board, report."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from benchmarks.side_by_side import side_by_side
from srbench.catalog.catalog import Catalog
from srbench.report.page import write_report
from srbench.results.board import load_board
from srbench.results.rows import ResultsFile
from srbench.system.terminal import Silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

ROWS = 3000


def python(code: str, *args: str) -> Callable[[], object]:
    """Return what runs a whole process."""
    return lambda: subprocess.run([sys.executable, "-c", code, *args], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.benchmark(group="start of the command line, whole process")
@pytest.mark.parametrize(("args", "most"), [("--help", 8), ("list", 18)])
def test_start(benchmark: BenchmarkFixture, args: str, most: int) -> None:
    """At most so many times what Python itself takes to start and end."""
    ours, bare = python("from srbench.cli import main; main()", args), python("pass")
    benchmark.pedantic(ours, rounds=3, warmup_rounds=1)
    if benchmark.enabled:
        times = 1 / side_by_side(ours, bare, rounds=15)
        benchmark.extra_info["times python -c pass"] = round(times, 1)
        assert times <= most


@pytest.mark.benchmark(group="catalog of all plugins")
def test_catalog(benchmark: BenchmarkFixture) -> None:
    assert benchmark(Catalog.load).models.specs


@pytest.mark.benchmark(group=f"results: {ROWS} rows")
def test_append(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    row = {"kind": "score", "key": "0" * 16, "method": "bicubic", "dataset": "set5", "metric": "psnr/1", "value": 28.4}

    def append() -> int:
        path = tmp_path / "results.jsonl"
        path.unlink(missing_ok=True)
        file = ResultsFile(path)
        for _ in range(ROWS):
            file.append(row)
        file.close()
        return path.read_bytes().count(b"\n")

    assert benchmark.pedantic(append, rounds=3, warmup_rounds=1) == ROWS


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four methods over ten pictures, with the images kept."""
    folder = tmp_path_factory.mktemp("run")
    generator = np.random.default_rng(0)
    for i in range(10):
        path = folder / "photos" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        coarse = Image.fromarray(generator.integers(0, 256, (20, 24, 3), dtype=np.uint8))
        coarse.resize((192, 160), Image.Resampling.BICUBIC).save(path)
    asked = ["run", "--methods", "nearest,bilinear,bicubic,lanczos", "--dataset", "photos", "--metrics", "psnr,ssim"]
    command = [sys.executable, "-c", "from srbench.cli import main; main()", *asked, "--no-speed", "--save-images"]
    subprocess.run([*command, "--out", "out"], cwd=folder, check=True, capture_output=True)
    return folder / "out"


@pytest.mark.benchmark(group="board of 4 methods over 10 images")
def test_board(benchmark: BenchmarkFixture, a_run: Path) -> None:
    assert len(benchmark.pedantic(load_board, args=([a_run],), rounds=5, warmup_rounds=1).frame) == 4


@pytest.mark.benchmark(group="report of 4 methods over 10 images")
def test_report(benchmark: BenchmarkFixture, a_run: Path, tmp_path: Path) -> None:
    written = benchmark.pedantic(write_report, args=([a_run], tmp_path / "report.html", Silent()), rounds=3)
    assert written.path.stat().st_size == written.bytes
