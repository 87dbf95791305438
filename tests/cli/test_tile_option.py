"""--tile as a user sees it: the same pictures and scores, in memory that does not grow with the image."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import png
import pytest
from PIL import Image as Pillow

from srbench.cli import main
from srbench.execution.events import ValueScored
from srbench.execution.jobs import Cell, Job, Session
from srbench.execution.worker import Worker
from srbench.inference import files as folders

PLUGIN = """
from srbench import ModelSpec, hookimpl

def build(scale):
    import torch
    return torch.nn.Upsample(scale_factor=scale)

@hookimpl
def srbench_models():
    return [ModelSpec(name="global", summary="x", scales={2}, build=build)]
"""
GROWTH = """
import resource
from pathlib import Path

import torch

from srbench.catalog.catalog import Catalog
from srbench.inference.build import build_net
from srbench.inference.files import upscale_file
from srbench.inference.enlarger import Enlarger
from srbench.inference.tiler import Tiler

device = torch.device("cpu")
spec = Catalog.load().models["espcn"]
net = spec.build(4).eval().requires_grad_(False)
tiler = Tiler(Enlarger.of(spec, net, 4), device, "auto", 64 * 2**20)
peaks = []
for name in ("small", "large"):
    upscale_file(Path(f"{name}.png"), Path("sr.png"), tiler)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
print(*peaks)
"""


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run a command in this process, in an empty folder; return exit code, output and messages."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["srbench", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def values(path):
    with path.open("rb") as file:
        _, height, rows, info = png.Reader(file=file).read()
        return np.vstack([np.asarray(row) for row in rows]).reshape(height, -1, info["planes"]), info["bitdepth"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "16"])
def test_upscale_in_tiles_writes_the_same(call, tmp_path, save_image, mode):
    path = save_image(tmp_path / "a.png", 70, 45, "RGBA" if mode == "16" else mode)
    if mode == "16":
        deep = values(path)[0].astype(np.uint16) * 251 + 3
        with path.open("wb") as file:
            png.Writer(70, 45, greyscale=False, alpha=True, bitdepth=16).write(file, deep.reshape(45, -1).tolist())
    for tile in ("off", "16", "auto"):
        assert call("upscale", "lanczos", "a.png", f"{tile}.png", "--scale", 3, "--tile", tile) == (0, "", "")
    (whole, bits), (tiled, same_bits), (auto, _) = (values(tmp_path / f"{t}.png") for t in ("off", "16", "auto"))
    np.testing.assert_array_equal(tiled, whole)
    np.testing.assert_array_equal(auto, whole)
    assert bits == same_bits == (16 if mode == "16" else 8)


def test_upscale_in_tiles_goes_with_repetition_and_with_formats_that_are_written_whole(call, tmp_path, save_image):
    save_image(tmp_path / "a.png", 40, 24)
    for name, tile in (("a.bmp", "off"), ("b.bmp", "16"), ("c.ppm", "16")):
        asked = "upscale", "bicubic", "a.png", name, "--scale", 6, "--repeat", "--tile", tile
        assert call(*asked)[0] == 0
    whole, *others = (np.asarray(Pillow.open(tmp_path / name)) for name in ("a.bmp", "b.bmp", "c.ppm"))
    for other in others:
        np.testing.assert_array_equal(other, whole)


def test_upscale_says_why_it_cannot_cut(call, tmp_path, save_image):
    (tmp_path / "mine.py").write_text(PLUGIN)
    save_image(tmp_path / "a.png")
    asked = "upscale", "global", "a.png", "b.png", "--scale", 2, "--plugin", "mine.py"
    code, _, err = call(*asked, "--tile", 32)
    assert code == 2
    assert "global cannot be cut into tiles: its spec states no halo" in err
    assert not (tmp_path / "b.png").exists()
    assert call(*asked)[0] == 0
    for wrong in ("15", "some", "-3"):
        code, _, err = call("upscale", "bicubic", "a.png", "c.png", "--tile", wrong)
        assert code == 2
        assert "neither auto, off nor a number of LR pixels from 16" in err


def test_what_would_not_fit_whole_is_refused_before_the_work(call, tmp_path, save_image, monkeypatch):
    monkeypatch.setattr(folders, "available", lambda device: 1000)
    save_image(tmp_path / "a.png")
    code, _, err = call("upscale", "bicubic", "a.png", "b.jpg", "--scale", 2, "--tile", 16)
    assert code == 1
    assert "b.jpg: 80x72 pixels take" in err
    assert ".png, .ppm, .pgm are written in bands, with --tile auto or N" in err
    assert call("upscale", "bicubic", "a.png", "b.png", "--scale", 2, "--tile", 16) == (0, "", "")


def test_run_in_tiles_gives_the_same_scores_and_says_so(call, tmp_path, save_image):
    (tmp_path / "mine.py").write_text(PLUGIN)
    for i in range(2):
        save_image(tmp_path / "photos" / f"{i}.png", 80, 72, seed=i)
    asked = ["run", "--methods", "bicubic,global", "--plugin", "mine.py", "--dataset", "photos", "--scale", 2]
    asked += ["--metrics", "psnr", "--no-speed", "--inline"]
    assert call(*asked, "--out", "whole", "--tile", "off")[0] == 0
    assert call(*asked, "--out", "tiles", "--tile", 16)[0] == 1  # one of two cannot be cut
    found = {}
    for out in ("whole", "tiles"):
        rows = [json.loads(line) for line in (tmp_path / out / "results.jsonl").read_text().splitlines()]
        found[out] = {(row["method"], row["image"]): row for row in rows if row["kind"] == "score"}
        refused = [(row["method"], row["reason"]) for row in rows if row.get("status") == "unsupported"]
        assert [method for method, _ in refused] == (["global"] if out == "tiles" else [])
        assert all("cannot be cut into tiles: its spec states no halo" in reason for _, reason in refused)
    for (method, image), row in found["tiles"].items():
        whole = found["whole"][method, image]
        assert row["tile"] == 16
        assert "tile" not in whole
        assert (row["key"], row["value"]) == (whole["key"], whole["value"])
    code, _, err = call(*asked, "--out", "whole", "--tile", "auto")
    assert code == 0
    assert "nothing to do" in err


GREEDY = """
from srbench import ModelSpec, hookimpl

def build(scale):
    import torch
    class Greedy(torch.nn.Module):
        def forward(self, lr):
            if lr[:, 0].numel() > 1000:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
            return lr.repeat_interleave(2, -1).repeat_interleave(2, -2)
    return Greedy()

@hookimpl
def srbench_models():
    return [ModelSpec(name="greedy", summary="x", scales={2}, build=build, halo=0),
            ModelSpec(name="stuck", summary="x", scales={2}, build=build)]
"""


def test_memory_that_is_refused_costs_no_row_where_tiles_will_do(call, tmp_path, save_image):
    (tmp_path / "mine.py").write_text(GREEDY)
    save_image(tmp_path / "photos" / "a.png", 80, 72)
    asked = ["--methods", "nearest,greedy,stuck", "--plugin", "mine.py", "--dataset", "photos", "--scale", 2]
    code, _, err = call("run", *asked, "--metrics", "psnr", "--no-speed", "--inline", "--out", "out")
    assert code == 1
    assert "stuck on photos x2 failed: out of memory, and it cannot be cut into tiles: its spec states no halo" in err
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    scores = {row["method"]: row for row in rows if row["kind"] == "score"}
    assert scores["greedy"]["value"] == scores["nearest"]["value"]
    assert scores["greedy"]["tile"] == 20  # of 40 pixels
    assert list(scores) == ["nearest", "greedy"]
    for method in ("nearest", "greedy"):
        assert call("upscale", method, "photos/a.png", f"{method}.png", "--scale", 2, "--plugin", "mine.py")[0] == 0
    np.testing.assert_array_equal(values(tmp_path / "greedy.png")[0], values(tmp_path / "nearest.png")[0])


def test_limit_on_memory_makes_a_worker_cut(tmp_path, save_image):
    save_image(tmp_path / "photos" / "a.png", 140, 130)
    cells = {"a": [Cell("k", "psnr", "y")]}
    for limit, tile in ((0, 0), (1, 24)):
        found = []
        Worker(Session("cpu", 1, max_memory=limit)).run(
            Job("bicubic", 2, str(tmp_path / "photos"), cells), found.append
        )
        assert [event.tile for event in found if isinstance(event, ValueScored)] == [tile]


def grown(tmp_path, save_image, small, large):
    """Return the bytes by which a process grows when it enlarges a larger image after a smaller one."""
    for name, side in (("small", small), ("large", large)):
        save_image(tmp_path / f"{name}.png", side, side)
    asked = [sys.executable, "-c", GROWTH]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        asked, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=3000, check=True
    )
    first, second = map(int, done.stdout.split())
    return second - first


def test_memory_does_not_grow_with_the_image(tmp_path, save_image):
    """SR of 1536 and 3072 pixels a side: a pass over the whole would hold 280 MiB more."""
    assert grown(tmp_path, save_image, 384, 768) < 96 * 2**20


@pytest.mark.skipif(not os.environ.get("SRBENCH_LONG"), reason="long form: set SRBENCH_LONG=1")
def test_memory_does_not_grow_with_a_large_image(tmp_path, save_image):
    """SR of 8192 and 16384 pixels a side: 768 MiB more in 8 bits alone."""
    assert grown(tmp_path, save_image, 2048, 4096) < 256 * 2**20
