"""LPIPS against the published calibration pairs and the lpips package itself."""

from __future__ import annotations

import csv
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from srbench.catalog.catalog import Catalog
from srbench.errors import AssetError, UndefinedScoreError, UsageError
from srbench.protocols import PROTOCOLS
from srbench.store.backbones import load_features
from srbench_plugins import perceptual


def read(path):
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).float() / 255


def score(metric, sr, hr):
    return metric.score(sr, metric.prepare(hr, PROTOCOLS["rgb"]))


def test_equals_published_values_to_the_printed_digits(reference):
    metric = perceptual.build("alex")
    folder = reference / "lpips"
    with (folder / "expected.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert len(expected) == 2
    for row in expected:
        found = score(metric, read(folder / f"{row['pair']}_dist.png"), read(folder / f"{row['pair']}_ref.png"))
        printed = row["lpips_alex_v0.1"]
        assert f"{found:.{len(printed.split('.')[1])}f}" == printed


@pytest.mark.parametrize(("net", "backbone"), [("alex", "alexnet"), ("squeeze", "squeezenet1_1")])
@pytest.mark.parametrize("size", [(64, 48), (35, 90)])
def test_equals_the_lpips_package(mirror, net, backbone, size):
    import lpips

    generator = torch.Generator().manual_seed(0)
    sr, hr = torch.rand(2, 3, *size, generator=generator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    features = load_features(backbone)
    state = {key: features[f"features.{key.split('.', 1)[1]}"] for key in package.net.state_dict()}
    package.net.load_state_dict(state)
    with torch.inference_mode():
        expected = float(package(sr[None], hr[None], normalize=True))
    assert score(perceptual.build(net), sr, hr) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_smallest_image_has_a_value_and_a_smaller_one_a_reason(mirror, net):
    least = perceptual.SMALLEST[net]
    metric = perceptual.build(net)
    image = torch.rand(3, least, least + 40, generator=torch.Generator().manual_seed(0))
    assert score(metric, image, image) == 0
    assert score(metric, 1 - image, image) > 0
    with pytest.raises(UndefinedScoreError, match=f"needs {least}x{least}"):
        score(metric, image[:, 1:], image[:, 1:])


def test_refuses_a_range_it_does_not_expect(mirror):
    metric = perceptual.build("alex")
    image = torch.rand(3, 64, 64)
    with pytest.raises(ValueError, match=r"values in \[0, 1\]"):
        score(metric, image, image * 255)
    with pytest.raises(ValueError, match="float RGB"):
        score(metric, image, image[:1])


def test_missing_backbone_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "torchvision.models.VGG16_Weights.IMAGENET1K_V1.value.url",
        "http://127.0.0.1:9/vgg16-397923af.pth",
        raising=False,
    )
    with pytest.raises(AssetError, match=r"backbone vgg16 is missing.*srbench fetch vgg16"):
        perceptual.build("vgg")


def test_as_a_loss_it_is_the_mean_of_the_metric_and_leads_to_hr(mirror):
    loss = Catalog.load().losses["lpips"].build()
    assert loss.uses == "alexnet lpips v0.1"
    generator = torch.Generator().manual_seed(0)
    sr, hr = torch.rand(2, 2, 3, 40, 48, generator=generator)
    metric = perceptual.build("alex")
    values = [score(metric, a, b) for a, b in zip(sr, hr, strict=True)]
    assert float(loss(sr, hr)) == pytest.approx(np.mean(values), rel=1e-5)
    sr.requires_grad_()
    before = loss(sr, hr)
    before.backward()
    moved = (sr - 0.01 * sr.grad.sign()).detach()
    assert float(loss(moved, hr)) < float(before.detach())
    with pytest.raises(UsageError, match="needs patches of at least 31 pixels"):
        loss(sr[..., :30], hr[..., :30])


@pytest.mark.parametrize("net", perceptual.NETS)
def test_the_smallest_image_is_the_smallest_of_which_the_network_has_an_output(net):
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    least = perceptual.SMALLEST[net]
    assert all(feature.numel() for feature in package.net(torch.zeros(1, 3, least, least)))
    with pytest.raises(RuntimeError, match=r"too small|Kernel size"):
        package.net(torch.zeros(1, 3, least - 1, least))


def test_a_batch_has_the_value_of_each_image(mirror):
    metric = perceptual.build("alex")
    sr, hr = torch.rand(2, 2, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    together = score(metric, sr, hr)
    assert together.shape == (2,)
    assert together.tolist() == pytest.approx(
        [float(score(metric, a, b)) for a, b in zip(sr, hr, strict=True)], abs=1e-6
    )
    assert score(metric, sr[0], hr[0]).shape == ()


@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_values_just_beyond_the_range_are_refused_and_its_ends_are_not(mirror, value):
    metric = perceptual.build("alex")
    image = torch.rand(3, 32, 32)
    image[0, 0, 0], image[0, 0, 1] = 0, 1
    assert float(score(metric, image, image)) == 0
    image[1, 1, 1] = value
    with pytest.raises(ValueError, match=r"values in \[0, 1\]"):
        score(metric, image, image)
    with pytest.raises(ValueError, match="float RGB"):
        score(metric, image.byte(), image.byte())


def test_what_a_board_and_a_training_are_told_of_each():
    metrics = {spec.name: (spec.better, spec.batched, spec.uses_protocol) for spec in perceptual.srbench_metrics()}
    assert metrics == dict.fromkeys(("lpips", "lpips-vgg", "lpips-squeeze"), ("lower", True, False))
    assert {spec.version for spec in perceptual.srbench_metrics()} == {"0.1"}
    assert [spec.backbone for spec in perceptual.srbench_metrics()] == ["alexnet", "vgg16", "squeezenet1_1"]
    assert [(spec.name, spec.build.args) for spec in perceptual.srbench_losses()] == [
        ("lpips", ("alex",)),
        ("lpips-vgg", ("vgg",)),
    ]


def test_networks_of_the_metric_and_the_loss_learn_nothing(mirror):
    for model in (perceptual.build("alex").model, Catalog.load().losses["lpips"].build().model):
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_the_smallest_patch_has_a_loss(mirror):
    loss = perceptual.build_loss("alex")
    patch = torch.rand(1, 3, 31, 31)
    assert float(loss(patch, patch)) == 0
    for small in (patch[..., 1:], patch[..., 1:, :]):
        with pytest.raises(UsageError, match="at least 31 pixels"):
            loss(small, small)
