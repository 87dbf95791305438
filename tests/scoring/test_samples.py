"""Samples: HR cropped, LR made, given or degraded as it was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from srbench.images.degradations import get_degradation
from srbench.resize import degrade
from srbench.scoring.samples import load_sample
from srbench.specs import ImagePair

CPU = torch.device("cpu")


def pixels(path):
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).contiguous()


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_lr_is_the_benchmarks_where_the_set_has_none(tmp_path, save_image, mode):
    path = save_image(tmp_path / "a.png", 41, 38, mode=mode)
    sample = load_sample(ImagePair("a", path), 4, CPU)
    hr = pixels(path)[:, :36, :40]
    assert (sample.name, sample.scale, sample.grey) == ("a", 4, mode == "L")
    assert torch.equal(sample.hr, hr)
    assert torch.equal(sample.lr, degrade(hr, 4))


def test_lr_of_the_set_is_taken_unless_a_degradation_is_asked_for(tmp_path, save_image):
    pair = ImagePair("a", save_image(tmp_path / "hr.png", 40, 36), save_image(tmp_path / "lr.png", 10, 9, seed=5))
    assert torch.equal(load_sample(pair, 4, CPU).lr, pixels(pair.lr))
    crappify = get_degradation("crappify")
    assert torch.equal(load_sample(pair, 4, CPU, crappify).lr, crappify(pixels(pair.hr), 4))
