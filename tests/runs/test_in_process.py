"""Networks and functions of this process as methods of a run, with the values of the same arithmetic elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import nn

import srbench
from srbench.errors import UsageError


class Twice(nn.Module):
    """Repeats each pixel, times a weight."""

    def __init__(self, weight=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, lr):
        return self.weight * lr.repeat_interleave(2, 2).repeat_interleave(2, 3)


def repeat(lr):
    return lr.repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.fixture
def run(tmp_path, save_image, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image(tmp_path / "photos" / "a.png", 40, 36)

    def run(methods, **options):
        settings = {"scale": 2, "metrics": "psnr", "speed": False, "out": "run", "quiet": True}
        return srbench.run(methods, "photos", **settings | options).set_index("method")

    return run


def test_a_network_is_a_row_like_any_other(run):
    net = Twice().train()
    frame = run(["nearest", srbench.method(net, name="mine", scale=2), repeat])
    assert frame.status.tolist() == ["ok"] * 3
    assert frame.psnr.nunique() == 1  # `nearest` repeats pixels too
    assert net.training
    assert net.weight.requires_grad


@pytest.mark.parametrize("methods", [Twice(), nn.Sequential(Twice()), [Twice()], ["bicubic", Twice()], repeat])
def test_networks_and_functions_need_no_name(run, methods):
    frame = run(methods)
    assert set(frame.index) <= {"bicubic", "twice", "sequential", "repeat"}
    assert set(frame.status) == {"ok"}


def test_new_weights_are_scored_anew_and_the_same_are_not(run, tmp_path):
    first = run(srbench.method(Twice(), name="mine", scale=2)).psnr["mine"]
    rows = (tmp_path / "run" / "results.jsonl").read_text()
    assert run(srbench.method(Twice(), name="mine", scale=2)).psnr["mine"] == first
    assert (tmp_path / "run" / "results.jsonl").read_text() == rows
    assert run(srbench.method(Twice(0.5), name="mine", scale=2)).psnr["mine"] < first


class Gain(Twice):
    """Keeps what it multiplies by beside its weights."""

    def __init__(self, gain):
        super().__init__()
        self.gain = gain

    def forward(self, lr):
        return super().forward(lr) * (self.gain() if callable(self.gain) else self.gain["of"])


@pytest.mark.parametrize(("first", "second"), [({"of": 1.0}, {"of": 0.5}), (lambda: 1.0, lambda: 0.5)])
def test_a_setting_beside_the_weights_is_scored_anew(run, first, second):
    whole = run([srbench.method(Gain(first), name="mine", scale=2)])
    half = run([srbench.method(Gain(second), name="mine", scale=2)])
    assert whole.psnr["mine"] == run(["nearest"]).psnr["nearest"]
    assert half.psnr["mine"] < whole.psnr["mine"] - 3  # half as bright


def test_its_output_is_the_networks(run, tmp_path):
    run(srbench.method(Twice(0.5), name="mine", scale=2), save_images=True)
    lr = np.asarray(Pillow.open(tmp_path / "run" / "images" / "photos_x2" / "LR" / "a.png")).astype(float)
    sr = np.asarray(Pillow.open(tmp_path / "run" / "images" / "photos_x2" / "mine" / "a.png"))
    expected = np.floor(lr / 2 + 0.5).repeat(2, axis=0).repeat(2, axis=1)
    assert np.abs(sr - expected).max() <= 1  # halves of float32 round either way


@pytest.mark.parametrize(
    ("methods", "options", "said"),
    [
        ([3], {}, "methods must be one name or several, not"),
        ([Twice], {}, "a method is a torch.nn.Module or a callable, not Twice"),
        ([Twice(), Twice()], {}, "there is a method twice already; srbench.method"),
        (lambda: srbench.method(Twice(), name="bicubic"), {}, "there is a method bicubic already"),
        ([Twice()], {"executor": "dask"}, "twice was made in this process; it cannot be combined with --executor dask"),
    ],
)
def test_what_cannot_be_a_method_is_refused(run, methods, options, said):
    if callable(methods):
        methods = [methods()]
    with pytest.raises(UsageError, match=said):
        run(methods, **options)


def test_a_failing_network_costs_its_row(run):
    frame = run(["bicubic", srbench.method(nn.Identity(), name="small", scale=2)])
    assert frame.status.to_dict() == {"bicubic": "ok", "small": "failed"}
    assert "output has shape" in frame.reason["small"]
