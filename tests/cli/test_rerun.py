"""``srbench rerun`` and ``srbench verify`` on the command line."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from srbench.catalog.catalog import Catalog
from srbench.runs import harness
from srbench.runs.request import Request
from srbench.runs.runner import run
from srbench.system.terminal import Silent

SHARP = """
import torch
from srbench import ModelSpec, hookimpl

def build(scale):
    class Sharp(torch.nn.Module):
        def forward(self, lr):
            return torch.nn.functional.interpolate(lr, scale_factor=scale, mode="bilinear") * {factor}
    return Sharp()

@hookimpl
def srbench_models():
    return [ModelSpec(name="sharp", summary="for tests", scales={{2}}, build=build)]
"""


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """Spares outputs that are made again a worker's start; the commands have theirs."""
    monkeypatch.setattr(
        "srbench.runs.verify.run_request", lambda request, *rest: run(replace(request, inline=True), *rest)
    )


@pytest.fixture
def asked(tmp_path, save_image):
    """A request on three images, of a shipped method and a plugin file's, not yet made."""
    for i in range(3):
        save_image(tmp_path / "photos" / f"p{i}.png", seed=i, mode="L" if i == 2 else "RGB")
    (tmp_path / "sharp.py").write_text(SHARP.format(factor=1.0))
    return Request(
        methods=("sharp", "nearest"),
        datasets=(str(tmp_path / "photos"),),
        scales=(2,),
        protocols=("y", "rgb"),
        metrics=("psnr", "ssim"),
        out=tmp_path / "run",
        plugins=(str(tmp_path / "sharp.py"),),
        speed=False,
        inline=True,
        command="srbench run ...",
    )


def make(request):
    return harness.score(request, Catalog.load(request.plugins), Silent())


def test_commands(here, asked, tmp_path):
    make(replace(asked, speed=True, speed_size=16, speed_batch=1, speed_seconds=0.05))
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "run" / "run.json", tmp_path / "elsewhere" / "shared.json")
    done = here("rerun", "elsewhere/shared.json", "--out", "again")
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    timed = ["latency_ms", "images_per_s", "mpix_per_s", "latency_p10_ms", "latency_p90_ms"]
    quality = [pd.read_csv(tmp_path / name / "leaderboard.csv").drop(columns=timed) for name in ("run", "again")]
    assert quality[0].to_csv() == quality[1].to_csv()
    rows = (tmp_path / "again" / "results.jsonl").read_text()
    row = next(line for line in rows.splitlines() if '"psnr/' in line)
    (tmp_path / "again" / "results.jsonl").write_text(rows.replace(row, row.replace('"value":', '"value":1')))
    done = here("verify", "again")
    assert (done.returncode, done.stderr) == (1, "")
    heads, value, total = done.stdout.splitlines()
    assert heads.split() == ["method", "image", "metric", "protocol", "then", "now"]
    assert value.split()[2] == "x2"
    assert total == "24 values of 0 saved and 6 repeated outputs: 1 differ"
