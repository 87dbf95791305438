"""The scores and the layout of a comparison."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from srbench import MetricSpec
from srbench.catalog.catalog import Catalog
from srbench.errors import UsageError
from srbench.protocols import get_protocol
from srbench.report.compare import Panel, choose_crop, draw, panels_of, parse_crop, save
from srbench.report.crops import Crop
from srbench.scoring.outputs import criteria
from srbench.scoring.samples import Sample


def noise(seed, height=48, width=64):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_scores_are_those_of_the_whole_image_and_the_best_is_marked():
    hr = noise(0)
    outputs = {"near": (hr // 2 + 60), "far": noise(1)}
    tensors = {name: torch.from_numpy(pixels.transpose(2, 0, 1).copy()) for name, pixels in outputs.items()}
    sample = Sample("a", torch.from_numpy(hr.transpose(2, 0, 1).copy()), torch.zeros(3, 12, 16), grey=False, scale=4)
    metrics = [Catalog.load().metrics["psnr"]]
    panels = panels_of(sample, tensors, criteria(metrics, [get_protocol("rgb")]))
    for panel in panels:
        inner = (slice(4, -4), slice(4, -4))
        error = ((outputs[panel.name].astype(float)[inner] - hr[inner]) ** 2).mean()
        assert panel.scores["psnr"] == f"{10 * np.log10(255**2 / error):.2f}"
        np.testing.assert_array_equal(panel.pixels, outputs[panel.name])
    assert [sorted(panel.best) for panel in panels] == [["psnr"], []]


def test_undefined_scores_are_a_dash():
    class Odd:
        def prepare(self, hr, protocol):
            return None

        def score(self, sr, prepared):
            return float("nan")

    metric = MetricSpec(name="odd", summary="c", better="lower", decimals=2, uses_protocol=False, build=Odd)
    blank = torch.zeros(3, 8, 8, dtype=torch.uint8)
    sample = Sample("a", blank, blank, grey=False, scale=2)
    (panel,) = panels_of(sample, {"m": blank}, criteria([metric], [get_protocol("y")]))
    assert panel.scores == {"odd": "-"}


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "-1,0,4,4", "0,0,65,4", "0,45,4,4", "0,0,4,0", "1.5,0,4,4"])
def test_crops_outside_or_misspelt_are_refused(text):
    with pytest.raises(UsageError, match="--crop"):
        parse_crop(text, 64, 48, 4)
    assert parse_crop("60, 44, 4, 4", 64, 48, 4) == Crop(60, 44, 4, 4)


def test_one_method_alone_is_compared_with_hr():
    hr = np.zeros((128, 128, 3), np.uint8)
    sr = hr.copy()
    sr[64:96, 32:64] = 200
    assert choose_crop([sr], hr, 4) == Crop(32, 64, 32, 32)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("shape", [(300, 200), (100, 900), (64, 64)])
def test_no_text_covers_another_or_leaves_the_picture(count, shape):
    hr = noise(0, *shape)
    scores = {"psnr": "28.43", "ssim": "0.8113", "lpips": "0.3406"}
    panels = [Panel(f"a-rather-long-name-{i}", hr, scores, frozenset({"psnr"})) for i in range(count)]
    figure = draw("a_picture_with_a_long_name x4, protocol y-uint8", hr, panels, Crop(0, 0, 60, 40))
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.texts] + [axes.bbox for axes in figure.axes]
    for box in boxes:
        assert figure.bbox.x0 - 1 <= box.x0 < box.x1 <= figure.bbox.x1 + 1
        assert figure.bbox.y0 - 1 <= box.y0 < box.y1 <= figure.bbox.y1 + 1
    for a, b in itertools.combinations(boxes, 2):
        width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(width, height) <= 1.5


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"use \.png, \.pdf, \.svg"):
        save(draw("t", noise(0), [], Crop(0, 0, 8, 8)), tmp_path / "a.gif")
