"""Precision, memory format and compilation of what is scored and timed."""

from __future__ import annotations

import json
from functools import partial

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench.inference.precision import Inference

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = Catalog.load().models["espcn"].build(4).eval().requires_grad_(requires_grad=False)
    torch.nn.init.normal_(net.body[-2].weight, std=0.01)  # zero at first: the output would be bicubic's
    return net


@pytest.fixture(scope="module")
def lr():
    return torch.rand(2, 3, 17, 23, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_channels_last_changes_nothing_but_rounding(net, lr):
    expected = net(lr)
    assert torch.allclose(Inference(net, CPU)(lr), expected, atol=1e-6)


class Views(torch.nn.Module):
    """Reads its features in one order of memory, as `view` does: fails with channels last."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 12, 3, padding=1)

    def forward(self, lr):
        n, _, h, w = lr.shape
        features = self.conv(lr).view(n, 12 * h * w).view(n, 12, h, w)
        return torch.nn.functional.pixel_shuffle(features, 2)


@torch.inference_mode()
def test_a_network_that_breaks_in_channels_last_runs_without(lr):
    expected = Views()(lr)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        Views().to(memory_format=torch.channels_last)(lr)
    net = Inference(Views(), CPU)
    torch.testing.assert_close(net(lr), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(net(lr[..., :9]), Views()(lr[..., :9]), rtol=0, atol=1e-6)
    torch.testing.assert_close(net.eager()(lr), expected, rtol=0, atol=1e-6)


@torch.inference_mode()
def test_an_error_of_the_network_is_its_own(lr):
    class Fails(Views):
        def forward(self, lr):
            raise RuntimeError("no such luck")

    with pytest.raises(RuntimeError, match="no such luck"):
        Inference(Fails(), CPU)(lr)


@torch.inference_mode()
def test_squares_and_oblongs_are_compiled_once(monkeypatch):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compile_net = torch.compile
    monkeypatch.setattr("torch.compile", lambda net, **options: compile_net(net, backend=backend, **options))
    net = Inference(torch.nn.Upsample(scale_factor=2), CPU, compiled=True)
    for size in ((16, 16), (16, 24), (30, 20), (24, 24)):
        lr = torch.rand(1, 3, *size)
        assert torch.equal(net(lr), torch.nn.functional.interpolate(lr, scale_factor=2))
    assert len(graphs) == 1


@pytest.mark.parametrize(("precision", "bits"), [("bf16", 8), ("fp16", 11)])
@torch.inference_mode()
def test_lower_precision_is_near_and_not_equal(net, lr, precision, bits):
    expected = net(lr)
    error = (Inference(net, CPU, precision)(lr).float() - expected).abs().max()
    assert 0 < error < 8 * 2.0**-bits


@torch.inference_mode()
def test_compiled_gives_the_same(net, lr, monkeypatch):
    """Traced as ever, but without the minute that a C++ compiler takes for the kernels."""
    traced = []

    def backend(graph, inputs):
        traced.append(inputs)
        return graph.forward

    monkeypatch.setattr("torch.compile", partial(torch.compile, backend=backend))
    compiled = Inference(net, CPU, compiled=True)
    assert torch.allclose(compiled(lr), net(lr), atol=1e-5)
    assert torch.allclose(compiled.eager()(lr), net(lr), atol=1e-6)
    assert len(list(compiled.parameters())) == len(list(net.parameters()))
    assert traced


PLUGIN = """
from srbench import ModelSpec, hookimpl

def build(scale):
    import torch
    return torch.nn.Upsample(scale_factor=scale)

@hookimpl
def srbench_models():
    return [ModelSpec(name="only-fp32", summary="x", scales={2}, build=build, precisions=["fp32"])]
"""


def test_the_board_says_which_precision_was_scored_and_timed(here, save_image, tmp_path):
    for i in range(3):
        save_image(tmp_path / "photos" / f"{i}.png", seed=i)
    (tmp_path / "mine.py").write_text(PLUGIN)
    asked = ["run", "--methods", "bicubic,only-fp32", "--plugin", "mine.py", "--dataset", "photos", "--scale", 2]
    asked += ["--metrics", "psnr", "--speed-seconds", 0.1, "--speed-size", 16, "--out", "out", "--threads", 1]
    first = here(*asked)
    assert first.returncode == 0, first.stderr
    second = here(*asked, "--precision", "bf16")
    assert second.returncode == 1, second.stderr  # one of two was not run as asked
    assert "only-fp32 was not run: does not do bf16" in second.stderr
    assert "| bf16 |" in second.stdout
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    refused = [row for row in rows if row["kind"] == "job" and row["status"] == "unsupported"]
    assert [(row["method"], row["precision"], row["reason"]) for row in refused] == [
        ("only-fp32", "bf16", "does not do bf16")
    ]
    speeds = [(row["method"], row["precision"]) for row in rows if row["kind"] == "speed"]
    assert speeds == [("bicubic", "fp32"), ("only-fp32", "fp32"), ("bicubic", "bf16")]
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert all(entry["seconds"]["forward"] > 0 for entry in run["commands"])
    assert "time: " in second.stdout
