"""Auto-encoders: a real bottleneck with nothing past it, and five losses on one network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from srbench.catalog.catalog import Catalog
from srbench.resize import degrade, imresize


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_code_is_at_most_an_eighth_of_what_goes_in(scale):
    net = Catalog.load().models["ae"].build(scale)
    values = {}
    net.encoder.register_forward_hook(lambda _, given, code: values.update(into=given[0].numel(), code=code.numel()))
    net(torch.rand(1, 3, 9, 11))
    assert values["code"] * 8 <= values["into"]


def test_nothing_goes_past_the_code():
    net = Catalog.load().models["ae"].build(4).eval()
    net.encoder.register_forward_hook(lambda _module, _given, code: torch.zeros_like(code))
    first, second = net(torch.rand(1, 3, 8, 8)), net(torch.rand(1, 3, 8, 8))
    assert torch.equal(first, second)


def test_alias_says_what_it_stands_for():
    assert Catalog.load().models["ae"].name == "ae-mse"


@pytest.mark.parametrize("name", ["mse", "psnr", "ssim", "hfenn", "mix"])
def test_each_learns_from_its_loss(begin, patches, name):
    net, recipe, training = begin(f"ae-{name}", schedule="constant")
    lr, hr = patches(4, 64)
    before = float(recipe.loss(net(lr), hr).detach())
    for step in range(20):
        training.begin(step)
        recipe.step(lr, hr)
    assert float(recipe.loss(net(lr), hr).detach()) < before - 0.1 * abs(before)


def test_terms_of_the_mix_are_of_one_size_on_bicubic(begin, mirror):
    """On the training set, as its weights are said to be chosen."""
    _, recipe, _ = begin("ae-mix")
    terms = []
    for path in sorted((mirror / "datasets" / "t91").iterdir())[::6]:
        hr = torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy()).permute(2, 0, 1)
        height, width = (size - size % 4 for size in hr.shape[-2:])
        hr = hr[None, :, :height, :width]
        bicubic = imresize(degrade(hr, 4).float() / 255, (height, width))
        terms.append([weight * float(term(bicubic, hr.float() / 255)) for weight, _, term in recipe.loss.terms])
    means = np.mean(terms, axis=0)
    assert len(means) == 3
    assert max(means) < 2 * min(means)
