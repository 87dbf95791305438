"""The contract of a method's output, 8-bit rounding, padding, and scores with reasons."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from srbench import MetricSpec, ModelSpec
from srbench.errors import MethodError, SRBenchError, UndefinedScoreError
from srbench.images.tensors import to_8bit, to_float, to_picture
from srbench.inference.build import build_net
from srbench.inference.upscale import upscale
from srbench.protocols import PROTOCOLS
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import Sample
from srbench.scoring.scorer import Scorer
from srbench_plugins import fidelity

PSNR, SSIM, HFEN = fidelity.srbench_metrics()


class Net(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, lr):
        return self.function(lr)


def double(lr):
    return lr.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda lr: [lr], "output is list, not a tensor"),
        (lambda lr: lr, r"output has shape \(1, 3, 5, 6\), expected \(1, 3, 10, 12\) for x2"),
        (lambda lr: double(lr).byte(), "output is torch.uint8"),
        (lambda lr: double(lr) / 0, "NaN or infinite"),
        (lambda lr: double(lr).log() * 0, "NaN or infinite"),
    ],
)
def test_breach_of_contract_is_named(function, said):
    with pytest.raises(MethodError, match=said):
        upscale(Net(function), torch.zeros(1, 3, 5, 6), 2)


@pytest.mark.parametrize("size", [(5, 6), (8, 8), (1, 1), (9, 16)])
def test_pads_to_the_multiple_and_crops(size):
    seen = []

    def forward(lr):
        seen.append(lr.shape[-2:])
        return double(lr)

    lr = torch.rand(1, 3, *size)
    assert torch.equal(upscale(Net(forward), lr, 2, multiple=8), double(lr))
    assert all(length % 8 == 0 for length in seen[0])


def test_a_stochastic_method_gives_the_same_output_every_time():
    net = Net(lambda lr: double(lr) + torch.rand(1))
    assert torch.equal(upscale(net, torch.zeros(1, 3, 4, 4), 2), upscale(net, torch.zeros(1, 3, 4, 4), 2))


def test_rounds_as_saving_does():
    values = torch.tensor([-1.0, 0.0, 0.49 / 255, 0.5 / 255, 254.6 / 255, 1.0, 9.0])
    assert to_8bit(values).tolist() == [0, 0, 0, 1, 255, 255, 255]
    every = torch.arange(256, dtype=torch.uint8).repeat(3, 2, 1)
    assert torch.equal(to_8bit(to_float(every))[0], every)


def test_weights_that_are_missing_or_do_not_fit_are_named(tmp_path):
    from safetensors.torch import save_file

    def build(scale):
        return torch.nn.Conv2d(3, 3, 1)

    def recipe(net, training):
        return None

    spec = ModelSpec(name="a", summary="b", scales={2}, build=build, recipe=recipe)
    with pytest.raises(MethodError, match="no weights for x2"):
        build_net(spec, 2, torch.device("cpu"))
    path = tmp_path / "w.safetensors"
    save_file({"weight": torch.zeros(5)}, path)
    with pytest.raises(
        MethodError, match=r"w\.safetensors: are for another network \(bias is missing, expected \(3,\)\)"
    ):
        build_net(spec, 2, torch.device("cpu"), path)
    path.write_bytes(b"no weights at all")
    with pytest.raises(MethodError, match=r"w\.safetensors: cannot be read, damaged"):
        build_net(spec, 2, torch.device("cpu"), path)
    save_file({"weight": torch.ones(3, 3, 1, 1), "bias": torch.zeros(3)}, path)
    net = build_net(spec, 2, torch.device("cpu"), path)
    assert not net.training
    assert float(net(torch.ones(1, 3, 1, 1)).detach().sum()) == 9
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_what_is_no_module_is_named():
    spec = ModelSpec(name="a", summary="b", scales={2}, build=lambda scale: "net")
    with pytest.raises(MethodError, match=r"build\(2\) returned str"):
        build_net(spec, 2, torch.device("cpu"))


def sample(size=32, grey=False, seed=0):
    hr = torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, size, size), dtype=np.uint8))
    return Sample("a", hr, hr[:, ::2, ::2], grey, 2)


def test_equal_and_small_images_have_a_defined_score_and_a_reason():
    scorer = Scorer(ReferenceStore(10**6))
    same = scorer.score(sample().hr, sample(), PROTOCOLS["y"], PSNR, "a")
    assert same.value == math.inf
    assert "SR equals HR" in same.reason
    small = scorer.score(sample(14).hr, sample(14), PROTOCOLS["y"], SSIM, "small")
    assert small.value is None
    assert small.reason == "too small: 10x10 after the border cut, SSIM needs 11x11"


def test_reference_is_prepared_once_per_protocol():
    calls = []

    class Counting:
        def prepare(self, hr, protocol):
            calls.append((tuple(hr.shape), protocol.name))
            return hr

        def score(self, sr, prepared):
            return float((sr - prepared).abs().mean())

    spec = MetricSpec(name="count", summary="c", better="lower", build=Counting)
    scorer = Scorer(ReferenceStore(10**6))
    for _ in range(3):
        for protocol in PROTOCOLS.values():
            scorer.score(255 - sample().hr, sample(), protocol, spec, "a")
    assert calls == [((1, 28, 28), "y"), ((1, 28, 28), "y-uint8"), ((3, 28, 28), "rgb")]


def test_images_of_one_size_are_scored_together_by_a_metric_that_takes_batches():
    class Shapes:
        def prepare(self, hr, protocol):
            prepared.append(tuple(hr.shape))
            return hr

        def score(self, sr, prepared):
            return (sr - prepared).abs().mean(dim=(-3, -2, -1))

    samples = [sample(seed=i) for i in range(3)]
    outputs = [255 - one.hr for one in samples]
    found = {}
    for batched, shapes in ((True, [(3, 1, 28, 28)]), (False, [(1, 28, 28)] * 3)):
        prepared = []
        spec = MetricSpec(name="shapes", summary="c", better="lower", build=Shapes, batched=batched)
        scorer = Scorer(ReferenceStore(10**6))
        for _ in range(2):  # what depends on HR is kept
            found[batched] = scorer.score_all(outputs, samples, PROTOCOLS["y"], spec, ["a", "b", "c"])
        assert prepared == shapes
    assert len({score.value for score in found[True]}) == 3
    assert [score.value for score in found[True]] == pytest.approx([score.value for score in found[False]])


def test_a_batch_too_small_for_a_metric_has_its_reason_for_each_image():
    samples = [sample(14, seed=i) for i in range(2)]
    scores = Scorer(ReferenceStore(10**6)).score_all(
        [one.hr for one in samples], samples, PROTOCOLS["y"], SSIM, ["a", "b"]
    )
    assert [score.value for score in scores] == [None, None]
    assert {score.reason for score in scores} == {"too small: 10x10 after the border cut, SSIM needs 11x11"}


def test_of_a_batch_the_image_without_a_value_alone_has_none():
    class Picky:
        def prepare(self, hr, protocol):
            asked.append(len(hr))
            if (hr.amax(dim=(-3, -2, -1)) == hr.amin(dim=(-3, -2, -1))).any():
                raise UndefinedScoreError("flat")
            return hr

        def score(self, sr, prepared):
            return (sr - prepared).abs().mean(dim=(-3, -2, -1))

    asked = []
    samples = [sample(seed=i) for i in range(3)]
    samples[1] = replace(samples[1], hr=torch.full_like(samples[1].hr, 7))
    spec = MetricSpec(name="picky", summary="c", better="lower", build=Picky, batched=True)
    outputs = [255 - one.hr for one in samples]
    scores = Scorer(ReferenceStore(10**6)).score_all(outputs, samples, PROTOCOLS["y"], spec, ["a", "b", "c"])
    assert asked == [3, 1, 1, 1]
    assert [score.reason for score in scores] == ["", "flat", ""]
    assert [score.value is None for score in scores] == [False, True, False]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (lambda x: x.mean(), "shape ()"),
        (lambda x: x.mean(dim=-1).squeeze(), "shape (2, 28)"),
        (lambda x: [1.0, 2.0], "list"),
    ],
)
def test_a_metric_that_takes_batches_and_returns_no_value_for_each_is_told_so(result, said):
    class Wrong:
        def prepare(self, hr, protocol):
            return hr

        def score(self, sr, prepared):
            return result((sr - prepared).abs())

    samples = [sample(seed=i) for i in range(2)]
    spec = MetricSpec(name="wrong", summary="c", better="lower", build=Wrong, batched=True)
    with pytest.raises(
        SRBenchError, match=re.escape(f"for a batch of 2 it returned {said}, not a tensor of shape (2,)")
    ):
        Scorer(ReferenceStore(10**6)).score_all([one.hr for one in samples], samples, PROTOCOLS["y"], spec, ["a", "b"])


def test_metric_without_protocol_sees_whole_rgb():
    class Shape:
        def prepare(self, hr, protocol):
            return hr

        def score(self, sr, prepared):
            assert sr.dtype == prepared.dtype == torch.float32
            assert 0 <= float(sr.min()) <= float(sr.max()) <= 1
            return float(sr.numel())

    spec = MetricSpec(name="shape", summary="c", better="lower", build=Shape, uses_protocol=False)
    scorer = Scorer(ReferenceStore(10**6))
    assert scorer.score(sample().hr, sample(), PROTOCOLS["y"], spec, "a").value == 3 * 32 * 32


def test_grey_sources_become_grey_pictures():
    colour = to_picture(sample().hr, grey=False)
    assert np.array_equal(colour.pixels, sample().hr.permute(1, 2, 0).numpy())
    grey = to_picture(sample().hr, grey=True).pixels
    assert (grey == grey[..., :1]).all()
