"""A small run that records what was asked for, for tests of doing it again."""

from __future__ import annotations

from dataclasses import replace

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


@pytest.fixture
def asked(tmp_path, save_image, monkeypatch):
    """A request on three images, of a shipped method and a plugin file's, not yet made; verified in this process."""
    monkeypatch.setattr(
        "srbench.runs.verify.run_request", lambda request, *rest: run(replace(request, inline=True), *rest)
    )
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
