"""Auto-encoders: a real bottleneck with nothing past it, and five losses on one network."""

from __future__ import annotations

import pytest
import torch

from srbench.catalog import Catalog
from srbench.resize import imresize


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


def test_terms_of_the_mix_are_of_one_size_on_bicubic(mirror):
    """On patches of the training set, as the weights are said to be chosen."""
    from srbench.training.data import load_images
    from srbench.training.engine import make_fabric
    from srbench.training.patches import PatchSampler
    from srbench.training.session import Overrides, Training
    from srbench_plugins.autoencoder import MIX

    catalog = Catalog.load()
    data = load_images(catalog, ("t91",), 4, 20, 0, Quiet())
    lr, hr = PatchSampler(data.images, 4, 96, 64, 0, torch.device("cpu")).draw(0)
    bicubic = imresize(lr, (96, 96))
    loss = Training(make_fabric("cpu", "fp32"), catalog, Overrides(), 4).loss(MIX)
    terms = [weight * float(term(bicubic, hr)) for weight, _, term in loss.terms]
    assert len(terms) == 3
    assert max(terms) < 3 * min(terms)


class Quiet:
    """A user interface that says nothing."""

    def note(self, text):
        pass

    warn = note

    def track(self, what, total):
        from contextlib import nullcontext

        return nullcontext(lambda detail: None)
