"""Disks that are full or refuse: the old file stays, nothing done is lost, and the message names the path."""

from __future__ import annotations

import hashlib
import json
import resource
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from srbench.catalog.catalog import Catalog
from srbench.errors import AssetError, ImageError, SRBenchError
from srbench.images.read import read
from srbench.images.write import write
from srbench.report.page import write_report
from srbench.runs import harness
from srbench.runs.request import Request
from srbench.specs import Asset
from srbench.store import assets
from srbench.store.backbones import cached_path, fetch_backbone
from srbench.system.terminal import Silent
from srbench.training.engine import train
from srbench.training.recipes.session import Overrides
from srbench.training.request import TrainRequest


@contextmanager
def full_disk(size):
    """No file can grow beyond so many bytes: what the operating system says then is treated as a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def asked(tmp_path, save_image):
    for i in range(12):
        save_image(tmp_path / "photos" / f"p{i}.png", seed=i)
    return Request(
        methods=("nearest", "bicubic"),
        datasets=(str(tmp_path / "photos"),),
        scales=(2,),
        protocols=("y",),
        metrics=("psnr", "ssim"),
        out=tmp_path / "run",
        speed=False,
        inline=True,
    )


def run(request):
    return harness.score(request, Catalog.load(), Silent())


def scores(folder):
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return [(row["key"], row["value"]) for row in rows if row["kind"] == "score"]


def test_results_that_cannot_be_written_cost_nothing_that_was_done(asked, tmp_path):
    run(replace(asked, out=tmp_path / "whole"))
    size = (tmp_path / "whole" / "results.jsonl").stat().st_size
    with full_disk(size // 2), pytest.raises(SRBenchError) as error:
        run(asked)
    said = f"{tmp_path / 'run' / 'results.jsonl'}: cannot be written (File too large); earlier rows are safe"
    assert str(error.value) == said
    run(asked)
    found, expected = scores(tmp_path / "run"), scores(tmp_path / "whole")
    assert len(found) == len(expected)
    assert dict(found) == dict(expected)


def test_no_file_of_a_run_is_ever_half_written(asked, tmp_path):
    run(replace(asked, save_images=True))
    write_report([tmp_path / "run"], tmp_path / "run" / "report.html", Silent())
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with full_disk(200):
        for work in (
            lambda: run(replace(asked, methods=("lanczos",))),
            lambda: write_report([tmp_path / "run"], tmp_path / "run" / "report.html", Silent()),
            lambda: write(next(path for path in before if path.suffix == ".png"), read(tmp_path / "photos" / "p0.png")),
        ):
            with pytest.raises((SRBenchError, ImageError), match=r"cannot be written \(File too large\)"):
                work()
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


class FillsDisk(Silent):
    """Leaves the disk no room after some steps, but for small files such as pictures."""

    def __init__(self, step, size):
        self.step, self.size, self.done = step, size, 0

    @contextmanager
    def track(self, what, total):
        def advance(_):
            self.done += what.startswith("training")
            if self.done == self.step:
                _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, hard))

        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:
            yield advance
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(("step", "file"), [(4, "last.safetensors"), (6, "state.pt")])
def test_a_training_goes_on_from_its_last_good_state(tmp_path, save_image, step, file):
    for i in range(2):
        save_image(tmp_path / "train" / f"t{i}.png", 48, 44, seed=i)
    request = TrainRequest(
        "espcn",
        (str(tmp_path / "train"),),
        tmp_path / "whole",
        scale=2,
        overrides=Overrides(batch=2, patch=16, steps=10),
        device="cpu",
        validate_on=str(tmp_path / "train"),
        validate_every=5,
        save_every=4,
    )
    train(request, Catalog.load(), Silent())
    cut = replace(request, out=tmp_path / "cut")
    with pytest.raises(SRBenchError, match=rf"{file}: cannot be written") as error:
        train(cut, Catalog.load(), FillsDisk(step, 20_000))
    assert str(tmp_path / "cut") in str(error.value)
    assert [path.name for path in (tmp_path / "cut").iterdir() if path.name.startswith(".")] == [".lock"]
    train(replace(cut, resume=True), Catalog.load(), Silent())
    last = [load_file(folder / "last.safetensors") for folder in (tmp_path / "cut", tmp_path / "whole")]
    assert all((last[0][name] == last[1][name]).all() for name in last[1])


def test_a_download_that_the_disk_refuses_leaves_the_cache_clean(tmp_path, monkeypatch):
    content = bytes(10_000)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "a.bin").write_bytes(content)
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "mirror"))
    asset = Asset("a.bin", hashlib.sha256(content).hexdigest())
    with full_disk(4000), pytest.raises(AssetError) as error:
        assets.fetch(asset)
    assert str(error.value) == f"{assets.home() / 'a.bin'}: cannot be written (File too large)"
    assert [path.name for path in assets.home().iterdir()] == [".lock"]
    assert assets.fetch(asset).read_bytes() == content


def test_a_backbone_that_the_disk_refuses_is_missing_and_nothing_else(monkeypatch):
    state = {"features.0.weight": torch.rand(64, 3, 3, 3)}
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda url, *args, **kwargs: state)
    path = assets.home() / "weights" / "vgg19_features.safetensors"
    with full_disk(4000), pytest.raises(AssetError) as error:
        fetch_backbone("vgg19")
    assert str(error.value) == f"{path}: cannot be written (File too large)"
    assert list(path.parent.iterdir()) == []
    assert fetch_backbone("vgg19") == cached_path("vgg19") == path


def test_folders_that_cannot_be_written_are_named(asked, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    below = tmp_path / "file" / "out"
    with pytest.raises(SRBenchError, match=rf"{below}: cannot be made \(Not a directory\)"):
        run(replace(asked, out=below))
    training = TrainRequest("espcn", (str(tmp_path / "photos"),), below, scale=2, validate_on=str(tmp_path / "photos"))
    with pytest.raises(SRBenchError, match=rf"{below}: cannot be written \(Not a directory\)"):
        train(training, Catalog.load(), Silent())
    monkeypatch.setenv("SRBENCH_HOME", str(below))
    with pytest.raises(AssetError, match=rf"{below}: cannot be written \(Not a directory\)"):
        assets.fetch(Asset("a.bin", "0" * 64))
