"""Backbones: from the mirror by hash, else from torchvision with only the features kept."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
import torch

from srbench.errors import AssetError, UsageError
from srbench.store import assets
from srbench.store.backbones import BACKBONES, cached_path, fetch_backbone, get_backbone, load_features


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1", "vgg16_to_relu2_2"])
def test_mirror_holds_the_pinned_features(mirror, name):
    assert cached_path(name) is None
    path = fetch_backbone(name)
    assert assets.sha256(path) == BACKBONES[name].sha256
    assert cached_path(name) == path


def test_conversion_from_torchvision_keeps_the_features_alone(monkeypatch):
    import torchvision

    net = torchvision.models.squeezenet1_1(weights=None)
    state = net.state_dict()
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", lambda url, *args, **kwargs: state)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda url, *args, **kwargs: state)
    found = load_features("squeezenet1_1")
    expected = {name: value for name, value in state.items() if name.startswith("features.")}
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert cached_path("squeezenet1_1") is not None  # known by the hash it was given here
    path = cached_path("squeezenet1_1")
    path.write_bytes(path.read_bytes()[:-1])
    assert cached_path("squeezenet1_1") is None


def test_a_silent_server_is_not_waited_for_forever(monkeypatch, tmp_path):
    import torchvision

    monkeypatch.setattr("srbench.store.backbones.TIMEOUT_S", 0.3)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/vgg19-dcbb9e9d.pth"
        member = torchvision.models.VGG19_Weights.IMAGENET1K_V1
        monkeypatch.setattr(member, "_value_", replace(member.value, url=url))
        with pytest.raises(AssetError, match=r"could not be downloaded .*timed out"):
            fetch_backbone("vgg19")
    assert socket.getdefaulttimeout() is None


def test_missing_backbone_names_mirror_and_address(monkeypatch, tmp_path):
    import urllib.error

    def offline(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path))
    with pytest.raises(AssetError) as error:
        fetch_backbone("vgg19")
    for part in (str(tmp_path), "vgg19-dcbb9e9d.pth", "no network", "srbench fetch vgg19"):
        assert part in str(error.value)
    with pytest.raises(AssetError, match="only mirrors have it, as weights/vgg16_features_to_relu2_2"):
        fetch_backbone("vgg16_to_relu2_2")


def test_torchvision_knows_every_name():
    import torchvision

    for backbone in BACKBONES.values():
        if backbone.torchvision:
            enum, member = backbone.torchvision.split(".")
            assert getattr(torchvision.models, enum)[member].url.startswith("https://download.pytorch.org/models/")


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError, match="unknown backbone 'alexnett'; did you mean 'alexnet'"):
        get_backbone("alexnett")
