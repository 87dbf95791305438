"""Perceptual losses: the layer that is asked for, torchvision's numbering, zero at equality."""

from __future__ import annotations

import pytest
import torch

from srbench.catalog.catalog import Catalog
from srbench.errors import AssetError, UsageError
from srbench.features import Features
from srbench.vgg import layer_indices


def body_of(letter, *, batch_norm=False):
    """Return a VGG's layers, as torchvision has them, and their weights: random, without the large classifier."""
    import torchvision

    torch.manual_seed(0)
    body = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs[letter], batch_norm)
    for module in body:
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    body.eval().requires_grad_(requires_grad=False)
    return body, {f"features.{key}": value.clone() for key, value in body.state_dict().items()}


@pytest.mark.parametrize("network", ["vgg16", "vgg16_bn", "vgg19"])
def test_layers_stand_where_torchvision_has_them(network):
    import torchvision

    with torch.device("meta"):
        body = getattr(torchvision.models, network)(weights=None).features
    names, block, i = {}, 1, 0
    for place, module in enumerate(body):
        if isinstance(module, torch.nn.MaxPool2d):
            block, i = block + 1, 0
        elif isinstance(module, torch.nn.Conv2d):
            i += 1
            names[f"conv{block}_{i}"] = place
        elif isinstance(module, torch.nn.ReLU):
            names[f"relu{block}_{i}"] = place
    assert layer_indices(network) == names


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
    import torchvision

    body, state = body_of("D")
    monkeypatch.setattr("srbench.features.load_features", lambda name: state)
    image = torch.rand(1, 3, 40, 40)
    weights = torchvision.models.VGG16_Weights.IMAGENET1K_V1.transforms()
    normalised = torchvision.transforms.functional.normalize(image, weights.mean, weights.std)
    for layer, place in (("relu3_3", 15), ("conv5_3", 28)):
        expected = body[: place + 1](normalised)
        torch.testing.assert_close(Features("vgg16", layer)(image), expected.detach(), rtol=1e-4, atol=1e-5)


def test_esrgans_features_are_taken_before_the_last_activation(monkeypatch):
    import torchvision

    body, state = body_of("E")
    monkeypatch.setattr("srbench.features.load_features", lambda name: state)
    sr, hr = torch.rand(2, 1, 3, 32, 32)
    normalise = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    ours, theirs = (body[:35](normalise(x)) for x in (sr, hr))  # [35] is the last ReLU
    assert (ours < 0).any()
    value = Catalog.load().losses["esrgan-features"].build()(sr, hr)
    torch.testing.assert_close(value, (ours - theirs).abs().mean(), rtol=1e-3, atol=1e-7)


def weighted(features):
    """fastai's code of lesson 7, in its own words, on maps that are given."""

    def gram_matrix(x):
        n, c, h, w = x.size()
        x = x.view(n, c, -1)
        return (x @ x.transpose(1, 2)) / (c * h * w)

    def loss(sr, hr):
        base_loss, wgts = torch.nn.functional.l1_loss, [5, 15, 2]
        out_feat, in_feat = features(hr), features(sr)
        feat_losses = [base_loss(sr, hr)]
        feat_losses += [base_loss(i, o) * w for i, o, w in zip(in_feat, out_feat, wgts, strict=True)]
        feat_losses += [
            base_loss(gram_matrix(i), gram_matrix(o)) * w**2 * 5e3
            for i, o, w in zip(in_feat, out_feat, wgts, strict=True)
        ]
        return sum(feat_losses)

    return loss


def test_fastai_features_is_the_loss_of_lesson_7(monkeypatch):
    body, state = body_of("D", batch_norm=True)
    asked = []
    monkeypatch.setattr("srbench.features.load_features", lambda name: (asked.append(name), state)[1])
    loss = Catalog.load().losses["fastai-features"].build()
    assert asked == ["vgg16_bn"]
    assert loss.uses == "vgg16_bn relu3_3, relu4_3, relu5_3"
    poolings = [i for i, module in enumerate(body) if isinstance(module, torch.nn.MaxPool2d)]

    def maps(image):
        found = []
        for i, module in enumerate(body):
            image = module(image)
            found += [image.clone()] if i + 1 in poolings[2:5] else []
        return found

    sr, hr = torch.rand(2, 2, 3, 48, 48)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = weighted(maps)((sr - mean) / std, (hr - mean) / std)
    sr.requires_grad_()
    value = loss(sr, hr)
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-6)
    value.backward()
    assert sr.grad.abs().max() > 0
    assert float(loss(hr, hr)) == 0


def test_gram_loss_knows_textures_but_not_places(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    nowhere = "http://127.0.0.1:9/vgg16-397923af.pth"
    monkeypatch.setattr("torchvision.models.VGG16_Weights.IMAGENET1K_V1.value.url", nowhere, raising=False)
    catalog = Catalog.load()
    gram, features = (catalog.losses[name].build() for name in ("gram.vgg16.relu2_2", "vgg16.relu2_2"))
    assert gram.uses.endswith("relu2_2")
    hr = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    turned = hr.roll((8, 4), dims=(2, 3))
    assert float(gram(hr, hr)) == 0
    flat = torch.full_like(turned, 0.5)
    assert float(gram(hr, turned)) < 0.05 * float(gram(hr, flat))  # the border differs
    assert float(features(hr, turned)) > 0.5 * float(features(hr, flat))
    sr = flat.requires_grad_()
    gram(sr, hr).backward()
    assert torch.isfinite(sr.grad).all()
    assert sr.grad.abs().max() > 0


def test_fastai_features_without_its_network_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "torchvision.models.VGG16_BN_Weights.IMAGENET1K_V1.value.url",
        "http://127.0.0.1:9/v-6c64b313.pth",
        raising=False,
    )
    with pytest.raises(AssetError, match=r"backbone vgg16_bn is missing.*srbench fetch vgg16_bn") as error:
        Catalog.load().losses["fastai-features"].build()
    assert "\n" not in str(error.value)


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


def test_a_training_in_bf16_runs_loss_networks_in_bf16(mirror):
    from srbench.training import Training
    from srbench.training.fabric import make_fabric
    from srbench.training.recipes.session import Overrides

    generator = torch.Generator().manual_seed(0)
    sr, hr = torch.rand(2, 3, 32, 32, generator=generator), torch.rand(2, 3, 32, 32, generator=generator)
    values = {}
    for precision in ("fp32", "bf16"):
        training = Training(make_fabric("cpu", precision), Catalog.load(), Overrides(), 4)
        values[precision] = training.loss("vgg22")(sr, hr)
    assert values["bf16"].dtype == torch.float32
    assert values["bf16"] != values["fp32"]
    assert float(values["bf16"]) == pytest.approx(float(values["fp32"]), rel=0.01)
