"""Perceptual losses: the layer that is asked for, torchvision's numbering, zero at equality."""

from __future__ import annotations

import pytest
import torch
import torchvision

from srbench.catalog import Catalog
from srbench.errors import AssetError, UsageError
from srbench.features import Features, layers


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_layers_stand_where_torchvision_has_them(network):
    body = getattr(torchvision.models, network)(weights=None).features
    names, block, i = {}, 1, 0
    for place, module in enumerate(body):
        if isinstance(module, torch.nn.MaxPool2d):
            block, i = block + 1, 0
        elif isinstance(module, torch.nn.Conv2d):
            i += 1
            names[f"conv{block}_{i}"] = place
        else:
            names[f"relu{block}_{i}"] = place
    assert layers(network) == names


def test_vgg22_falls_back_to_vgg16_and_says_so(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    loss = Catalog.load().losses["vgg22"].build()
    assert loss.uses in ("vgg19 relu2_2", "vgg16_to_relu2_2 relu2_2")
    hr = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    sr = (hr + 0.1).requires_grad_()
    assert float(loss(hr, hr)) == 0
    value = loss(sr, hr)
    value.backward()
    assert float(value.detach()) > 0
    assert torch.isfinite(sr.grad).all()
    assert sr.grad.abs().max() > 0


def test_features_are_those_of_torchvision_after_normalisation(monkeypatch):
    torch.manual_seed(0)
    whole = torchvision.models.vgg16(weights=None).eval()
    state = {key: value for key, value in whole.state_dict().items() if key.startswith("features.")}
    monkeypatch.setattr("srbench.features.load_features", lambda name: state)
    image = torch.rand(1, 3, 40, 40)
    weights = torchvision.models.VGG16_Weights.IMAGENET1K_V1.transforms()
    normalised = torchvision.transforms.functional.normalize(image, weights.mean, weights.std)
    for layer, place in (("relu3_3", 15), ("conv5_3", 28)):
        expected = whole.features[: place + 1](normalised)
        torch.testing.assert_close(Features("vgg16", layer)(image), expected.detach(), rtol=1e-4, atol=1e-5)


def test_unknown_layer_and_missing_network_are_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="vgg16 has no layer 'relu9_9'"):
        Features("vgg16", "relu9_9")
    monkeypatch.setattr(
        "torchvision.models.VGG19_Weights.IMAGENET1K_V1.value.url",
        "http://127.0.0.1:9/vgg19-dcbb9e9d.pth",
        raising=False,
    )
    with pytest.raises(AssetError, match="backbone vgg19 is missing"):
        Features("vgg19", "relu5_4")
