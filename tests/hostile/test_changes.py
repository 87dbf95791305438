"""What changes after a run has begun is not scored under the hash of what it was."""

from __future__ import annotations

import json

import pytest

OTHER_IMAGE = """
import sys
from pathlib import Path
from srbench import DatasetSpec, hookimpl
from srbench.specs import ImagePair

FIRST = "srbench.execution.worker" not in sys.orig_argv

@hookimpl
def srbench_datasets():
    name = "a" if {same} or FIRST else "b"
    return [DatasetSpec(name="moving", summary="m", scales={{2}}, images=lambda scale: [
        ImagePair("image", Path({folder!r}) / f"{{name}}.png")])]
"""
OWN_FILE = """
from pathlib import Path
from srbench import ModelSpec, hookimpl

if not {same}:
    with Path(__file__).open("a") as file:
        file.write("# longer\\n")

def build(scale):
    import torch
    return torch.nn.Upsample(scale_factor=scale)

@hookimpl
def srbench_models():
    return [ModelSpec(name="growing", summary="g", scales={{2}}, build=build)]
"""


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(
    ("plugin", "method", "dataset"), [(OTHER_IMAGE, "nearest", "moving"), (OWN_FILE, "growing", "set")]
)
def test_it_fails(srbench, tmp_path, save_image, plugin, method, dataset, same):
    for seed, name in enumerate("ab"):
        save_image(tmp_path / "set" / f"{name}.png", seed=seed)
    (tmp_path / "odd.py").write_text(plugin.format(folder=str(tmp_path / "set"), same=same))
    what = "--methods", method, "--dataset", dataset, "--scale", 2, "--metrics", "psnr", "--no-speed"
    done = srbench("run", *what, "--plugin", "odd.py", "--out", "run")
    assert done.returncode == (0 if same else 1), done.stderr
    assert ("is not what the run was started with" in done.stderr) != same
    rows = [json.loads(line) for line in (tmp_path / "run" / "results.jsonl").read_text().splitlines()]
    assert any(row["kind"] == "score" for row in rows) == same
