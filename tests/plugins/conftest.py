"""What tests of methods share: a recipe as a training begins it, and patches to learn from."""

from __future__ import annotations

import pytest
import skimage
import torch

from srbench.catalog.catalog import Catalog
from srbench.resize import degrade, imresize
from srbench.training import Training
from srbench.training.fabric import make_fabric
from srbench.training.recipes.session import Overrides


@pytest.fixture
def begin():
    """Build a method and its recipe as ``srbench train`` does."""

    def make(name, scale=4, parts=1, precision="fp32", **overrides):
        torch.manual_seed(0)
        catalog = Catalog.load()
        spec = catalog.models[name]
        training = Training(make_fabric("cpu", precision), catalog, Overrides(**overrides), scale, parts)
        net = spec.build(scale)
        recipe = spec.recipe(net, training)
        training.begin(0)
        return net, recipe, training

    return make


@pytest.fixture
def patches():
    """Draw LR and HR patches, the same for the same seed: smooth, with a fine pattern of which LR keeps nothing."""

    def draw(count, patch, scale=4, seed=0):
        generator = torch.Generator().manual_seed(seed)
        smooth, strength = torch.rand(2, count, 3, patch // 8, patch // 8, generator=generator)
        sign = torch.ones(patch).cumsum(0) % 2 * 2 - 1
        hr = imresize(smooth, (patch, patch)) + 0.2 * sign * sign[:, None] * imresize(strength - 0.5, (patch, patch))
        hr = hr.clamp(0, 1)
        return imresize(hr, (patch // scale, patch // scale)).clamp(0, 1), hr

    return draw


@pytest.fixture
def photographs():
    """Cut LR and HR patches out of a photograph, the same for the same seed."""
    hr = torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1)[:, :256, :256].contiguous()

    def draw(count, patch, scale=4, seed=0):
        lr = degrade(hr, scale)
        generator = torch.Generator().manual_seed(seed)
        corners = torch.randint((256 - patch) // scale + 1, (count, 2), generator=generator).tolist()
        pairs = [
            (
                lr[:, y : y + patch // scale, x : x + patch // scale],
                hr[:, y * scale : y * scale + patch, x * scale : x * scale + patch],
            )
            for y, x in corners
        ]
        small, large = (torch.stack(images).float() / 255 for images in zip(*pairs, strict=True))
        return small, large

    return draw
