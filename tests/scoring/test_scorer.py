"""Scores with reasons, of one image and of batches; what depends on HR is computed once."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from srbench import MetricSpec
from srbench.errors import SRBenchError, UndefinedScoreError
from srbench.protocols import PROTOCOLS
from srbench.scoring.references import ReferenceStore
from srbench.scoring.samples import Sample
from srbench.scoring.scorer import Scorer
from srbench_plugins import fidelity

PSNR, SSIM, HFEN = fidelity.srbench_metrics()


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


def test_what_a_metric_does_to_its_images_reaches_no_other_metric():
    class Overwriting:
        def prepare(self, hr, protocol):
            hr *= 0.5
            return hr

        def score(self, sr, prepared):
            sr.numpy()[:] = 0
            return 1.0

    spec = MetricSpec(name="overwriting", summary="o", better="higher", build=Overwriting)
    scores = []
    for before in ([], [spec]):
        scorer = Scorer(ReferenceStore(10**6))
        values = [
            scorer.score(255 - sample().hr, sample(), PROTOCOLS["y"], each, "a") for each in (*before, PSNR, SSIM)
        ]
        scores.append(values[-2:])
    assert scores[0] == scores[1]


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
